"""Real-looking applications, and the demo that runs them."""
