"""A case's memory made anew from the ledger, its personal data erased, a mark taken off."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api.auth import Admin, Decider, Served
from api.problems import responses
from graph import custody, rescreening
from onboarding import errors
from onboarding.case import CaseView

router = APIRouter(prefix="/v1/cases/{case_id}", tags=["cases"])


@router.post(
    "/rebuild",
    response_model=CaseView,
    responses=responses(errors.CaseNotFound, errors.Conflict, errors.TamperedRecord, errors.ReviewTampered),
)
async def rebuild(case_id: str, product: Served, actor: Admin) -> Response:
    """Make a quarantined case's checkpoints anew from the ledger and go on; nothing is asked or done twice."""
    case = await custody.rebuild(product.runner, actor.name, case_id)
    product.service.nudge(case_id)
    return JSONResponse(case.to_json())


@router.post("/erase", response_model=CaseView, responses=responses(errors.CaseNotFound, errors.Conflict))
async def erase(case_id: str, product: Served, actor: Admin) -> Response:
    """Erase a closed case's personal data. Who decided what on which hash stays, and still verifies."""
    return JSONResponse((await custody.erase(product.runner, actor.name, case_id)).to_json())


@router.post(
    "/rescreening",
    response_model=CaseView,
    responses=responses(errors.CaseNotFound, errors.Conflict),
)
async def rescreened(case_id: str, product: Served, actor: Decider) -> Response:
    """Say that an active merchant's new screening hits were looked at: its mark goes, the trail says who it was."""
    found = await rescreening.looked_at(product.context, actor.name, case_id)
    return JSONResponse(found.to_json())
