"""What the adapters in Python share: requests in, one JSON object a line; one answer a line out. See README.md."""
import json
import os
import sys
import traceback


class Cannot(Exception):
    """The client has no such operation; the text says why."""


class Refused(Exception):
    """The server (or the client for it) refused; the text has Kafka's name for the error."""


def serve(agent):
    """Answer requests until standard input ends. Each is a method of `agent` with the request's members as arguments.
    What the client throws of `agent.refusals` is a server's refusal; other exceptions are shown as well as answered.
    A client may print what it likes: its standard output is the driver's standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        method = getattr(agent, "do_" + request.pop("do"), None)
        try:
            answer = {"cannot": "no such call"} if method is None else method(**request) or {}
        except Cannot as reason:
            answer = {"cannot": str(reason)}
        except (Refused, *agent.refusals) as reason:
            answer = {"error": f"{type(reason).__name__}: {reason}"}
        except Exception as problem:  # pylint: disable=broad-except  (whatever a client throws is an answer)
            traceback.print_exc()
            answer = {"error": f"{type(problem).__name__}: {problem}"}
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)  # clients that are not closed would complain of it, or wait for a server that is gone
