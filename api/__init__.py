"""Every face of the product: JSON, pages, shell."""
