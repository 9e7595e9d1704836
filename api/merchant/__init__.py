"""The merchant's own pages: apply, and follow the application by a personal link. Plain pages, no JavaScript."""

from typing import Final

from fastapi import APIRouter

from api.merchant import apply, follow

PAGES: Final = ("/apply", "/merchant")
"""Where their addresses begin."""
router = APIRouter(include_in_schema=False)
router.include_router(apply.router)
router.include_router(follow.router)
