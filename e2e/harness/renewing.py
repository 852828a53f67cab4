"""A function that gets new environments until one has what the server makes meanwhile."""

import time

import pytest


class Renewing:
    """Calls a function's next environment."""

    def __init__(self, client, invoke, name):
        self.client, self.invoke, self.name = client, invoke, name

    def change(self, **settings):
        self.client.update_function_configuration(FunctionName=self.name, **settings)
        self.settled()

    def settled(self):
        while self.client.get_function_configuration(FunctionName=self.name)["LastUpdateStatus"] == "InProgress":
            time.sleep(0.02)

    def until(self, event, compiled, seconds=30):
        """The first answer of which `compiled` is true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = self.invoke(self.name, event, LogType="Tail")
            if compiled(answer["Json"]):
                return answer
            self.change(Description=str(time.monotonic()))
        pytest.fail("the code is not compiled")
