"""What agents try against each problem. It does not know how often a fix works: `world.py` draws that per issue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Fix:
    """One way to deal with a problem."""

    code: str
    """Resolution code of the contract."""
    texts: tuple[str, ...]
    """Ways to say it; `{o}` is the object."""


def _fix(code: str, *texts: str) -> Fix:
    return Fix(code, texts)


NUM_FIXES: Final = 3
"""Fixes of every problem."""

FIXES: Final[Mapping[str, tuple[Fix, Fix, Fix]]] = MappingProxyType(
    {
        "audit": (
            _fix("USER_EDUCATION", "Sent the signed statement on {o}.", "Pointed to the attestation that covers {o}."),
            _fix("CONFIG_CHANGE", "Set the retention of {o} to the legal term.", "Turned on legal hold for {o}."),
            _fix("WORKAROUND", "Exported the evidence on {o} by hand.", "Wrote a one-off summary of {o}."),
        ),
        "denied": (
            _fix("CONFIG_CHANGE", "Granted the missing scope for {o}.", "Corrected the access list of {o}."),
            _fix("RESTART_REQUIRED", "Cleared the stale session behind {o}.", "Restarted the gate in front of {o}."),
            _fix("USER_EDUCATION", "Showed the steps to request access to {o}.", "Explained who may approve {o}."),
        ),
        "expired": (
            _fix("PATCH_APPLIED", "Renewed {o} and rolled it out.", "Issued {o} anew with a later end date."),
            _fix("CONFIG_CHANGE", "Corrected the end date stored for {o}.", "Turned on automatic renewal of {o}."),
            _fix("WORKAROUND", "Granted a grace period for {o}.", "Put a temporary replacement for {o} in place."),
        ),
        "exposed": (
            _fix("CONFIG_CHANGE", "Closed public access to {o}.", "Removed the outside group from {o}."),
            _fix("PATCH_APPLIED", "Applied the security patch for {o}.", "Rolled out the fix that isolates {o}."),
            _fix("ESCALATED", "Handed {o} to the security response team.", "Opened a security case about {o}."),
        ),
        "fails": (
            _fix("PATCH_APPLIED", "Installed the hotfix for {o}.", "Moved {o} to the corrected build."),
            _fix("RESTART_REQUIRED", "Restarted the worker behind {o}.", "Cycled the service that runs {o}."),
            _fix("CONFIG_CHANGE", "Raised the memory limit of {o}.", "Corrected the path that {o} writes to."),
        ),
        "garbled": (
            _fix("DATA_REPAIR", "Rebuilt {o} from the last good copy.", "Repaired the damaged blocks of {o}."),
            _fix("CONFIG_CHANGE", "Set the encoding of {o} to UTF-8.", "Turned off double compression of {o}."),
            _fix("BUG_FIX", "Shipped a correction of how {o} is written.", "Fixed the faulty encoder used by {o}."),
        ),
        "layout": (
            _fix("BUG_FIX", "Corrected the style sheet of {o}.", "Shipped a repaired layout of {o}."),
            _fix("WORKAROUND", "Advised another zoom level for {o}.", "Offered the classic view of {o}."),
            _fix("USER_EDUCATION", "Showed the keyboard shortcuts of {o}.", "Explained how to arrange {o}."),
        ),
        "missing": (
            _fix("DATA_REPAIR", "Recovered the lost entries of {o}.", "Replayed the change log into {o}."),
            _fix("CONFIG_CHANGE", "Removed the filter that hid parts of {o}.", "Extended the window of {o}."),
            _fix("BUG_FIX", "Fixed the paging error that cut {o}.", "Shipped a correction of how {o} counts."),
        ),
        "plain": (
            _fix("CONFIG_CHANGE", "Enforced TLS for {o}.", "Turned on encryption at rest for {o}."),
            _fix("PATCH_APPLIED", "Upgraded the cipher suite of {o}.", "Rolled out the hardened build for {o}."),
            _fix("WORKAROUND", "Routed {o} through the private tunnel.", "Wrapped {o} in an encrypted archive."),
        ),
        "slow": (
            _fix("CONFIG_CHANGE", "Added the missing index behind {o}.", "Raised the concurrency of {o}."),
            _fix("RESTART_REQUIRED", "Restarted the overloaded node of {o}.", "Flushed the cache in front of {o}."),
            _fix("ENVIRONMENT_ISSUE", "Traced {o} to a saturated link.", "Asked to widen the proxy used by {o}."),
        ),
        "stuck": (
            _fix("CONFIG_CHANGE", "Removed the policy that locked {o}.", "Corrected the inherited default of {o}."),
            _fix("BUG_FIX", "Fixed the form that dropped edits of {o}.", "Shipped a correction of saving {o}."),
            _fix("USER_EDUCATION", "Showed where {o} is set.", "Explained the order in which {o} is applied."),
        ),
        "twice": (
            _fix("DATA_REPAIR", "Merged the two copies of {o}.", "Deleted the second copy of {o}."),
            _fix("BUG_FIX", "Made the creation of {o} idempotent.", "Fixed the retry that doubled {o}."),
            _fix("CONFIG_CHANGE", "Set a unique key for {o}.", "Turned off the parallel trigger of {o}."),
        ),
        "unclear": (
            _fix("USER_EDUCATION", "Walked through {o} on a call.", "Sent a worked example of {o}."),
            _fix("FEATURE_ADDED", "Rewrote the guide on {o}.", "Published a new article about {o}."),
            _fix("WONT_FIX", "Noted that {o} is not documented further.", "Closed without a change to {o}."),
        ),
        "undelivered": (
            _fix("RESTART_REQUIRED", "Drained the queue that held {o}.", "Restarted the dispatcher of {o}."),
            _fix("CONFIG_CHANGE", "Corrected the target address of {o}.", "Added {o} to the allow list."),
            _fix("ENVIRONMENT_ISSUE", "Found {o} blocked by a firewall.", "Asked to open the port used by {o}."),
        ),
        "update": (
            _fix("PATCH_APPLIED", "Installed the compatibility patch for {o}.", "Moved {o} to the next release."),
            _fix("WORKAROUND", "Rolled {o} back to the former version.", "Pinned {o} to the old protocol."),
            _fix("CONFIG_CHANGE", "Migrated the settings of {o}.", "Switched {o} to the new schema."),
        ),
        "wish": (
            _fix("FEATURE_ADDED", "Enabled the preview of this for {o}.", "Delivered the option for {o}."),
            _fix("WORKAROUND", "Provided a script that does it for {o}.", "Showed a way around for {o}."),
            _fix("WONT_FIX", "Put {o} on the list of ideas.", "Declined the request about {o}."),
        ),
        "wrong": (
            _fix("DATA_REPAIR", "Recalculated {o} from the source data.", "Corrected the stored values of {o}."),
            _fix("BUG_FIX", "Fixed the rounding used by {o}.", "Shipped a correction of the sum in {o}."),
            _fix("CONFIG_CHANGE", "Set the right currency and zone for {o}.", "Aligned the reporting period of {o}."),
        ),
    }
)

OPENINGS: Final = (
    "",
    "",
    "Looked into it with the customer. ",
    "Reproduced on our side. ",
    "Checked the logs first. ",
    "Went through the settings. ",
    "Asked the second line for advice. ",
)
WORKED: Final = ("", " Confirmed by the customer.", " It has been fine since.", " Closed after two quiet days.")
DID_NOT_WORK: Final = ("", " The customer saw no change.", " It came back later.", " Closed without a full solution.")
"""Parts of a resolution before and after the fix."""
