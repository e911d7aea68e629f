"""Runs MiniStack for one developer, on this machine, out of reach of web pages.

MiniStack trusts whoever reaches its port: every answer allows every origin, the
root keys are well known and their signatures are not checked, and a function
that was uploaded runs as the developer. A page in the developer's browser
reaches the port too. So every request is looked at first: browsers say where a
request comes from, and pages cannot keep them from it.
"""

import contextvars
import http.server
import os
import random
import re
import runpy
import socketserver

# The pages that may talk to the stack, by origin: "http://127.0.0.1:8080 ...".
ORIGINS = frozenset(os.environ.get("UNSEND_STACK_ORIGINS", "").split())

# A page whose own name resolves to this machine still sends that name.
HOST = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?")

# MiniStack's own administration, which asks for no signature.
ADMIN = re.compile(r"/+_(ministack|localstack)(/|$)", re.IGNORECASE)
HEALTH = "/_ministack/health"


def refusal(path, headers, origins=ORIGINS):
    """Why a request is refused, or None. Headers are pairs, names in lower case."""

    def values(wanted):
        return [value for name, value in headers if name == wanted]

    hosts = values("host")
    if len(hosts) != 1 or not HOST.fullmatch(hosts[0]):
        return "Host is not this machine"
    sent = values("origin")
    if any(origin not in origins for origin in sent):
        return "Origin is not allowed"
    # A page's <img> or link sends no Origin, but the browser tells where it stands;
    # "none" is what the user typed.
    if not sent and any(site != "none" for site in values("sec-fetch-site")):
        return "a page asked for it"
    if ADMIN.match(path) and path != HEALTH:
        return "administration is closed"
    return None


# The sub-protocol that $connect answered, of the connection whose task this is.
ANSWERED = contextvars.ContextVar("sub-protocol", default=None)


def note_subprotocol(invoke):
    """Notes what a WebSocket's function answered. MiniStack leaves it out of the handshake, where API
    Gateway puts it; a client that offered one, as every page with a token does, then gives up."""

    async def noted(*args, **kwargs):
        answer = await invoke(*args, **kwargs)
        headers = (answer or {}).get("headers") or {}
        ANSWERED.set(next((v for n, v in headers.items() if n.lower() == "sec-websocket-protocol"), None))
        return answer

    return noted


def with_subprotocol(send):
    """Puts it into the handshake."""

    async def completed(message):
        if message["type"] == "websocket.accept" and ANSWERED.get() is not None:
            message = {**message, "subprotocol": ANSWERED.get()}
        return await send(message)

    return completed


def share_calls(resolve, draw=random.random):
    """Has an alias with weights give each version its share of the calls, as Lambda does while CodeDeploy moves traffic.
    MiniStack keeps the weights, and has the alias's own version answer everything. resolve is how it finds a version."""

    def shared(function, qualifier):
        alias = ((function or {}).get("aliases") or {}).get(qualifier) or {}
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        left = draw()
        for version, weight in weights.items():
            left -= weight
            if left < 0:
                return resolve(function, version)
        return resolve(function, qualifier)

    return shared


def guard(app):
    """The ASGI application that refuses, and hands on the rest to app."""

    async def guarded(scope, receive, send):
        if scope["type"] not in ("http", "websocket"):  # the server's own start and end
            return await app(scope, receive, send)
        headers = [(n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in scope["headers"]]
        why = refusal(scope["path"], headers)
        if why is None:
            return await app(scope, receive, with_subprotocol(send))
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 1008})  # 403 before the handshake
        body = why.encode()
        start_headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 403, "headers": start_headers})
        return await send({"type": "http.response.body", "body": body})

    return guarded


def guard_runtime_api():
    """Guards the ports on which functions fetch their work, which no page has a reason to ask."""
    parse = http.server.BaseHTTPRequestHandler.parse_request

    def parse_request(self):
        if not parse(self):
            return False
        why = refusal(self.path, [(n.lower(), v) for n, v in self.headers.items()], frozenset())
        if why is not None:
            self.close_connection = True
            self.send_error(403, why)
            return False
        return True

    http.server.BaseHTTPRequestHandler.parse_request = parse_request


def main():
    # MiniStack's Lambda runtime API answers in two small writes. Nagle's
    # algorithm holds the second one back until the client has acknowledged the
    # first, which takes 40 ms for each invocation.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    guard_runtime_api()

    import ministack.app
    from ministack.services import apigateway, lambda_svc

    # Routes, the authorizer, mappings and function URLs all find what they call by it.
    lambda_svc._effective_func_record_for_qualifier = share_calls(lambda_svc._effective_func_record_for_qualifier)
    apigateway._invoke_ws_lambda = note_subprotocol(apigateway._invoke_ws_lambda)
    ministack.app.app = guard(ministack.app.app)  # what its main serves
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
