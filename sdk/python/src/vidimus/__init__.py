"""Client for Vidimus: holds an action of an AI agent until a person has seen and signed exactly that."""

from .action import Change, Proposal, Target
from .client import AsyncClient, Client
from .decorator import requires_approval
from .errors import (
    AlreadyRan,
    Changed,
    Denied,
    Edited,
    Expired,
    GatewayRefused,
    InvalidAction,
    NotSetUp,
    Pending,
    RefusedByPolicy,
    Unknown,
    Unproven,
    Unreachable,
    UpgradeNeeded,
    VidimusError,
    Withdrawn,
    visible,
)
from .models import ActionView, Question
from .permit import Permit, PermitKey, read_jwks, verify_permit

__all__ = [
    "ActionView",
    "AlreadyRan",
    "AsyncClient",
    "Change",
    "Changed",
    "Client",
    "Denied",
    "Edited",
    "Expired",
    "GatewayRefused",
    "InvalidAction",
    "NotSetUp",
    "Pending",
    "Permit",
    "PermitKey",
    "Proposal",
    "Question",
    "RefusedByPolicy",
    "Target",
    "Unknown",
    "Unproven",
    "Unreachable",
    "UpgradeNeeded",
    "VidimusError",
    "Withdrawn",
    "read_jwks",
    "requires_approval",
    "verify_permit",
    "visible",
]
