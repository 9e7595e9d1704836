"""The reviewer's console: server-rendered pages over the same verbs as the API."""

from fastapi import APIRouter

from api.console import case, page, queue, signin

router = APIRouter(include_in_schema=False)
for part in (signin, queue, case):
    router.include_router(part.router, prefix="/console")
router.include_router(page.elsewhere, prefix="/console")
