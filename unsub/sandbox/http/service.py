"""The SOAP service: authentication, injected faults, and dispatch to the operations."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from unsub.sandbox.operations import faults
from unsub.sandbox.operations.call import Call, api_error
from unsub.sandbox.operations.call_counts import CallCounts
from unsub.sandbox.operations.create import create
from unsub.sandbox.operations.describe import describe
from unsub.sandbox.operations.execute import execute
from unsub.sandbox.operations.faults import Faults
from unsub.sandbox.operations.retrieve import retrieve
from unsub.sandbox.operations.retrieve_pages import RetrievePages
from unsub.sandbox.operations.rights import SCOPES, is_allowed, refusal
from unsub.sandbox.operations.update import update
from unsub.sandbox.soap import envelopes, messages
from unsub.sandbox.soap.elements import number
from unsub.sandbox.soap.envelopes import Answer, FaultError
from unsub.sandbox.soap.messages import Message
from unsub.sandbox.soap.xml_nodes import Node
from unsub.sandbox.world.store import Memory

from .page_emails import EmailRow
from .page_links import LinkRow
from .replies import Reply, bad_request, soap_reply, trouble
from .tokens import Token, Tokens

WS_USER = "sandbox"
WS_PASSWORD = "sandbox"  # noqa: S105 - opens nothing but the stand-in

# Each is called with what messages.read returns for that operation.
_OPERATIONS: Mapping[str, Callable[[Call, Sequence[Any]], Answer]] = {
    "Execute": execute,
    "Retrieve": retrieve,
    "Describe": describe,
    "Update": update,
    "Create": create,
}
# Operations with one result per request, of which one can be left out.
_ONE_RESULT_EACH = frozenset({"Execute", "Update", "Create"})


class Service:
    """Implements `POST /Service.asmx` and `POST /v2/token`."""

    def __init__(self, *, memory: Memory, tokens: Tokens, cues: Faults, account: int) -> None:
        self.memory = memory
        self.tokens = tokens
        self.cues = cues
        self.calls = CallCounts()
        self.retrieve_pages = RetrievePages(memory)
        self.links: Sequence[LinkRow] = ()
        self.links_note = "No links were handed over."
        self.emails: Sequence[EmailRow] = ()
        self._account = account

    def token(self, form: object, *, base_url: str) -> Reply | tuple[int, dict[str, Any]]:
        """Return the reply to a token request: a status and JSON, or that of an injected fault."""
        account = _account_in(form, self._account)
        cue = self.cues.take(faults.TOKEN, {account})
        if cue is not None:
            self.calls.count("tokens", 429 if cue.kind == "token_429" else 500)
            return trouble(cue)
        if self.cues.holds(faults.REVOKED, {account}):
            self.calls.count("tokens", 401)
            return 401, {"error": "invalid_client", "error_description": "Credentials revoked"}
        status, answer = self.tokens.answer(form, base_url=base_url)
        self.calls.count("tokens", status)
        return status, answer

    def soap(self, body: bytes, *, action: str) -> Reply:
        """Return the reply to a SOAP message. `action` is that of the HTTP headers, without quotes,
        or ""."""
        try:
            message = messages.read(body)
        except messages.EnvelopeError:
            self.calls.count("soap", "malformed")
            return bad_request()
        self.calls.begin(len(message.requests))
        try:
            return self._answer(message, action)
        finally:
            self.calls.end()

    def _answer(self, message: Message, action: str) -> Reply:
        self.calls.count("soap", message.operation)
        mids = self._mids(message)
        self.cues.delay(mids, message.labels)
        cue = self.cues.take(faults.BEFORE, mids, message.labels)
        if cue is not None:
            self.calls.count("faults", cue.kind)
            return trouble(cue)
        try:
            return self._serve(message, action, mids)
        except FaultError as fault:
            self.calls.count("faults", fault.label)
            body = envelopes.fault_reply(fault.fault, soap=message.soap)
            return soap_reply(body, message.soap, status=500)

    def _serve(self, message: Message, action: str, mids: set[int]) -> Reply:
        operation = message.operation
        if operation == "unknown" or {action, message.action} - {"", operation}:
            raise FaultError("client", envelopes.client_fault("No such operation or SOAPAction"))
        token = self._log_in(message, mids)
        if message.unserved:
            text = f"The sandbox does not serve {message.unserved}"
            raise FaultError("client", envelopes.client_fault(text))
        if operation == "GetSystemStatus":
            return self._reply(None, message, self._system_status(mids, message.labels))
        cue = self.cues.take(faults.API, mids, message.labels)
        if cue is not None:
            raise api_error(int(cue.kind.removeprefix("fault_")))
        refused = self._refuse(message, token, mids)
        if refused is not None:
            return self._reply(None, message, refused)
        call = self._call(message, token, mids)
        return self._reply(call, message, _OPERATIONS[operation](call, message.requests))

    def _refuse(self, message: Message, token: Token, mids: set[int]) -> Answer | None:
        """Return the reply to a call without the right for it, or None. Raises FaultError."""
        cue = self.cues.take(faults.RIGHTS, mids, message.labels)
        if cue is not None and cue.kind == "not_authorized":
            raise FaultError(cue.kind, envelopes.client_fault("User Not Authorized"))
        if cue is None and is_allowed(message, token.scopes):
            return None
        self.calls.count("faults", "permission_failed")
        return refusal(message)

    def _call(self, message: Message, token: Token, mids: set[int]) -> Call:
        return Call(
            account=token.account,
            mids=mids,
            labels=message.labels,
            memory=self.memory,
            retrieve_pages=self.retrieve_pages,
            cues=self.cues,
            call_counts=self.calls,
        )

    def _log_in(self, message: Message, mids: set[int]) -> Token:
        """Return the token of the authenticated account; a user has every right. Raises
        FaultError."""
        if self.cues.holds(faults.REVOKED, mids, message.labels):
            raise _security_fault("Login Failed")
        if message.token is None:
            if (message.username, message.password) != (WS_USER, WS_PASSWORD):
                raise _security_fault("Login Failed")
            return Token(account=self._account, good_until=0, scopes=SCOPES)
        if self.cues.take(faults.EXPIRED, mids, message.labels):
            # Expired permanently: a client must request a new token.
            self.tokens.expire(message.token)
        token = self.tokens.find(message.token)
        if token is None:
            raise _security_fault("Token Expired")
        return token

    def _system_status(self, mids: set[int], labels: Collection[str]) -> Answer:
        outage = "UnplannedOutage" if self.cues.holds("fault_10", mids, labels) else "OK"
        status = "InMaintenance" if self.cues.holds("fault_9", mids, labels) else outage
        result: Node = {"StatusCode": "OK", "StatusMessage": "Read", "SystemStatus": status}
        content: dict[str, Node] = {
            "Results": {"Result": result},
            "OverallStatus": "OK",
            "OverallStatusMessage": "",
            "RequestID": envelopes.request_id(),
        }
        return Answer(element="SystemStatusResponseMsg", content=content)

    def _reply(self, call: Call | None, message: Message, answer: Answer) -> Reply:
        """Return the reply, damaged where a fault for it is due. Without a call none can be."""
        kinds = faults.REPLY if message.operation in _ONE_RESULT_EACH else faults.CUT
        cue = None if call is None else call.take(kinds)
        kind = cue.kind if cue else ""
        if cue:
            self.calls.count("faults", kind)
        if kind == "short_results":
            answer = _shortened(answer)
        action = f"{message.operation}Response"
        body = envelopes.reply(answer, action=action, soap=message.soap)
        if kind == "malformed_xml":
            body = body[: len(body) * 2 // 3]
        return soap_reply(body, message.soap, drop=kind == "drop_after_record")

    def _mids(self, message: Message) -> set[int]:
        """Return the MIDs that a message is for, as far as they can be read before
        authentication."""
        token = self.tokens.find(message.token) if message.token else None
        own = self._account if token is None else token.account
        given = {number(x.client_id) if x.client_id else own for x in message.requests}
        return {mid for mid in given if mid is not None} or {own}


def _shortened(answer: Answer) -> Answer:
    results = answer.content["Results"]
    kept = results[:-1] if isinstance(results, Sequence) else results
    return Answer(element=answer.element, content={**answer.content, "Results": kept})


def _security_fault(text: str) -> FaultError:
    return FaultError(text, envelopes.security_fault(text))


def _account_in(form: object, default: int) -> int:
    given = form.get("account_id") if isinstance(form, dict) else None
    found = number(str(given)) if given is not None else None
    return default if found is None else found
