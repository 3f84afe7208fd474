# SPDX-License-Identifier: MIT
"""A headless Chromium over its pipe (Chrome DevTools Protocol): what a page asks for, what it complains of, and where its boxes are.

The browser's own tools may look into a page whose policy forbids scripts: they are not the page's.
"""

import json
import os
import select
import signal
import subprocess
import time


class Browser:
    def __init__(self, program, profile):
        """`profile`: an empty folder."""
        down, self.down = os.pipe()
        self.up, up = os.pipe()
        self.waiting, self.events, self.number = b"", [], 0

        def pipes():  # the browser reads from 3 and writes to 4; neither end may be one of these meanwhile
            os.setsid()
            near, far = os.dup2(down, 30), os.dup2(up, 31)
            os.dup2(near, 3)
            os.dup2(far, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=pipes, close_fds=False)
        os.close(down)
        os.close(up)
        target = next(one for one in self.ask("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.tell(f"{domain}.enable")

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.down)
        os.close(self.up)

    # ---- messages ----

    def message(self, until):
        while b"\0" not in self.waiting:
            ready, _, _ = select.select([self.up], [], [], max(0, until - time.monotonic()))
            more = os.read(self.up, 1 << 20) if ready else b""
            if not more:
                raise TimeoutError("the browser says nothing")
            self.waiting += more
        one, self.waiting = self.waiting.split(b"\0", 1)
        return json.loads(one)

    def ask(self, method, session=None, seconds=60, **parameters):
        self.number += 1
        sent = {"id": self.number, "method": method, "params": parameters}
        if session:
            sent["sessionId"] = session
        os.write(self.down, json.dumps(sent).encode() + b"\0")
        until = time.monotonic() + seconds
        while True:
            message = self.message(until)
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def tell(self, method, **parameters):
        return self.ask(method, self.session, **parameters)

    # ---- pages ----

    def open(self, path, width, height, scheme="light", media=""):
        """The page as somebody has it before him; what happened meanwhile is in `events`."""
        self.events = []
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.tell("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.tell("Page.navigate", url=path.as_uri())
        until = time.monotonic() + 60
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message(until))

    def value(self, expression):
        return self.tell("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def picture(self):
        """PNG of what is in the window, in base64."""
        return self.tell("Page.captureScreenshot", format="png")["data"]

    def asked(self):
        return [event["params"]["request"]["url"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]

    def complaints(self):
        told = [event["params"] for event in self.events
                if event.get("method") in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")]
        return [json.dumps(one)[:300] for one in told]
