"""The SOAP service: who may ask, in which unit, and one result for each request."""

from collections.abc import Sequence
from threading import Event
from typing import Any

from . import envelopes, faults
from .calls import Calls
from .envelopes import ExecuteRequest, Message, Result
from .faults import Faults
from .memory import Memory
from .replies import Reply, trouble
from .retrieve import RetrieveError, Shelf
from .rules import MESSAGES, RuleError
from .tokens import Tokens

WS_USER = "sandbox"
WS_PASSWORD = "sandbox"  # noqa: S105 - opens nothing but the stand-in

_OPERATIONS = {
    f"{{{envelopes.PARTNER}}}ExecuteRequestMsg": "Execute",
    f"{{{envelopes.PARTNER}}}SystemStatusRequestMsg": "GetSystemStatus",
    f"{{{envelopes.PARTNER}}}RetrieveRequestMsg": "Retrieve",
}


class FaultError(Exception):
    """A call that a SOAP fault answers; `body` is the envelope."""

    def __init__(self, label: str, body: bytes) -> None:
        super().__init__(label)
        self.label = label
        self.body = body


class Service:
    """What `POST /Service.asmx` and `POST /v2/token` do."""

    def __init__(
        self, *, memory: Memory, tokens: Tokens, cues: Faults, account: int, stopping: Event
    ) -> None:
        self.memory = memory
        self.tokens = tokens
        self.cues = cues
        self.calls = Calls()
        self.shelf = Shelf(memory)
        self._account = account
        self._stopping = stopping

    def token(self, form: object, *, base_url: str) -> Reply | tuple[int, dict[str, Any]]:
        """Return the answer to a token request: a status and JSON, or a fault that was cued."""
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
        """Return the answer to a SOAP message; `action` is the SOAPAction, without quotes."""
        try:
            message = envelopes.read(body)
        except envelopes.EnvelopeError:
            self.calls.count("soap", "malformed")
            return Reply(status=400, body=b"Bad Request", content_type="text/plain")
        self.calls.begin(len(message.requests))
        try:
            return self._answer(message, action)
        finally:
            self.calls.end()

    def _answer(self, message: Message, action: str) -> Reply:
        operation = _OPERATIONS.get(message.operation, "unknown")
        self.calls.count("soap", operation)
        mids = self._mids(message)
        latency = self.cues.take(faults.LATENCY, mids)
        if latency is not None:
            self._stopping.wait(1.0 if latency.value is None else latency.value)
        cue = self.cues.take(faults.BEFORE, mids)
        if cue is not None:
            self.calls.count("faults", cue.kind)
            return trouble(cue)
        try:
            return self._serve(message, operation, action, mids)
        except FaultError as fault:
            self.calls.count("faults", fault.label)
            return Reply(status=500, body=fault.body)

    def _serve(self, message: Message, operation: str, action: str, mids: set[int]) -> Reply:
        if operation == "unknown" or action not in ("", operation):
            raise FaultError("client", envelopes.client_fault("No such operation or SOAPAction"))
        account = self._log_in(message, mids)
        if operation == "GetSystemStatus":
            return Reply(body=envelopes.status_reply(self._system_status(mids)))
        cue = self.cues.take(faults.API, mids)
        if cue is not None:
            raise _api_fault(int(cue.kind.removeprefix("fault_")))
        if operation == "Retrieve":
            return self._retrieve(message, account)
        return self._execute(message.requests, account, mids)

    def _retrieve(self, message: Message, account: int) -> Reply:
        if message.retrieve is None:
            raise FaultError("client", envelopes.client_fault("RetrieveRequest is missing"))
        asked = message.retrieve
        mid = self._unit(asked.client_id, account)
        try:
            page = self.shelf.page(mid, asked)
        except RetrieveError as err:
            self.calls.count("results", "retrieve refused")
            return Reply(body=envelopes.retrieve_reply(f"Error: {err}", "", "", ()))
        return Reply(
            body=envelopes.retrieve_reply(page.overall, page.request_id, page.kind, page.rows)
        )

    def _log_in(self, message: Message, mids: set[int]) -> int:
        """Return the account that asks, or raise FaultError."""
        if self.cues.holds(faults.REVOKED, mids):
            raise _security_fault("Login Failed")
        if message.token is None:
            if (message.username, message.password) != (WS_USER, WS_PASSWORD):
                raise _security_fault("Login Failed")
            return self._account
        if self.cues.take(faults.EXPIRED, mids):
            # The token is gone for good: a client that does not ask for a new one stays out.
            self.tokens.expire(message.token)
        account = self.tokens.account_of(message.token)
        if account is None:
            raise _security_fault("Token Expired")
        return account

    def _system_status(self, mids: set[int]) -> str:
        if self.cues.holds("fault_9", mids):
            return "InMaintenance"
        return "UnplannedOutage" if self.cues.holds("fault_10", mids) else "OK"

    def _execute(self, requests: Sequence[ExecuteRequest], account: int, mids: set[int]) -> Reply:
        unknown = next((r.name for r in requests if r.name != "LogUnsubEvent"), None)
        if unknown is not None:
            self.calls.count("results", "no handler")
            overall = f"Error: Unable to find a handler for {unknown or 'a request without a name'}"
            return Reply(body=envelopes.execute_reply(overall, ()))
        units = [self._unit(request.client_id, account) for request in requests]
        spoilt = len(requests) > 1 and self.cues.take(faults.SECOND, mids) is not None
        results = [
            self._result(ordinal, mid, request, spoilt=spoilt and ordinal == 1)
            for ordinal, (mid, request) in enumerate(zip(units, requests, strict=True))
        ]
        return self._reply(results, mids)

    def _unit(self, client_id: str | None, account: int) -> int:
        """Return the MID that Client/ID speaks for, or raise FaultError for the whole message.

        Our reading: a unit that is unknown, or is neither the account's own nor its child's, is
        one that the account is not authorised for (11). The manual has no code for it.
        """
        if not client_id:
            return account
        mid = _int32(client_id)
        if mid is None:
            raise FaultError("client", envelopes.client_fault("Client/ID has to be an int32"))
        unit = self.memory.units.get(mid)
        if unit is None or account not in (unit.mid, unit.parent):
            raise _api_fault(11)
        return mid

    def _result(self, ordinal: int, mid: int, request: ExecuteRequest, *, spoilt: bool) -> Result:
        result = self._run(ordinal, mid, request, spoilt=spoilt)
        self.calls.count("results", result.code or result.status)
        return result

    def _run(self, ordinal: int, mid: int, request: ExecuteRequest, *, spoilt: bool) -> Result:
        if spoilt:
            return Result(status="Error", message=MESSAGES[12008], ordinal=ordinal, code=12008)
        if request.parameters is None:
            text = "Object reference not set to an instance of an object."
            return Result(status="Error", message=text, ordinal=ordinal)
        try:
            self.memory.log_unsub_event(mid, request.parameters)
        except RuleError as err:
            return Result(status="Error", message=err.message, ordinal=ordinal, code=err.code)
        return Result(status="OK", message="Event posted")

    def _reply(self, results: Sequence[Result], mids: set[int]) -> Reply:
        cue = self.cues.take(faults.REPLY, mids)
        kind = cue.kind if cue else ""
        if cue:
            self.calls.count("faults", kind)
        if kind == "short_results":
            results = results[:-1]
        body = envelopes.execute_reply(_overall(results), results)
        if kind == "malformed_xml":
            body = body[: len(body) * 2 // 3]
        return Reply(body=body, drop=kind == "drop_after_record")

    def _mids(self, message: Message) -> set[int]:
        """Return the units a message speaks for, as far as they can be read before the log-in."""
        account = self.tokens.account_of(message.token) if message.token else None
        own = self._account if account is None else account
        named = [request.client_id for request in message.requests]
        if message.retrieve:
            named.append(message.retrieve.client_id)
        given = {_int32(name) if name else own for name in named}
        return {mid for mid in given if mid is not None} or {own}


def _overall(results: Sequence[Result]) -> str:
    errors = sum(result.status != "OK" for result in results)
    if not errors:
        return "OK"
    return "Error" if errors == len(results) else "Has Errors"


def _security_fault(text: str) -> FaultError:
    return FaultError(text, envelopes.security_fault(text))


def _api_fault(code: int) -> FaultError:
    return FaultError(f"fault_{code}", envelopes.api_fault(code, faults.API_MESSAGES[code]))


def _account_in(form: object, default: int) -> int:
    given = form.get("account_id") if isinstance(form, dict) else None
    number = _int32(str(given)) if given is not None else None
    return default if number is None else number


def _int32(value: str) -> int | None:
    usable = value.isascii() and value.isdigit() and len(value) < 11
    return int(value) if usable and int(value) < 2**31 else None
