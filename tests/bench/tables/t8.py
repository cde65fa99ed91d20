"""T8, what the paper leaves to future work, one change at a time: nginx before the gateway, Redis, the CPU pool,
and the link between the programs. What no setting changes, because nobody should want it so, is measured
with programs of ../variants."""
import contextlib
import os
import signal
import sys
import threading
import time

import learners
import lineup
import openload
import passwords
import sessions
from cells import Cell
from deployment import BIN
from meters import Use
from rig import KEPT

from . import t4
from .t8_report import section  # noqa: F401

SECONDS = 6
NEW = {"nginx": ("", "")}  # a connection for each request
TCP = {"tcp": True, "TRUSTED_PROXIES": "127.0.0.1/32"}
# nginx's two workers know of each other's connections.
BALANCED = ("zone app 64k; least_conn; " + KEPT[0], KEPT[1])
ROUND = ("zone app 64k; " + KEPT[0], KEPT[1])
FRONTS = {"direct": {}, "unix": NEW, "unix-kept": {}, "tcp": {**TCP, **NEW},
          "tcp-kept": TCP, "round-robin": {"gateways": 2, "nginx": ROUND},
          "least-conn": {"gateways": 2, "nginx": BALANCED}}
CACHES = {"off": {"REDIS_URL": ""}, "short-ttl": {"variants": {"history": "short_ttl"}},
          "no-flight": {"variants": {"history": "no_flight"}}, "whole": {}}
POOLS = {"none": {"variants": {"auth": "no_pool"}}, "1": {"AUTH_CPU_THREADS": "1"},
         "2": {"AUTH_CPU_THREADS": "2"}}
LINKS = {"one-envelope": os.path.join(lineup.VARIANTS, "one_envelope", "rpc_bench"),
         "batched": os.path.join(BIN, "rpc_bench")}
WRITES = 20
PEOPLE = 500
EVENT = {"name": "write", "method": "POST", "path": "/v1/history", "type": "application/json",
         "body": '{"type":"study","subject":"Biology","minutes":25}'}
ME = {"name": "me", "method": "GET", "path": "/v1/users/me"}
STORM = 16
STALL_S = 0.1


def cells(level):
    if level != "all":
        return []

    def cell(what, name, took, settings=None, direct=True):
        return Cell(f"t8/{what}/{name}", sys.modules[__name__], None if what == "link" else "studyhall",
                    direct=direct, seconds=took, settings=settings or {},
                    how={"what": what, "name": name, "seconds": SECONDS})
    return ([cell("front", name, 25, settings, name == "direct") for name, settings in FRONTS.items()] +
            [cell("cache", name, 25, settings) for name, settings in CACHES.items()] +
            [cell("pool", name, 20, settings) for name, settings in POOLS.items()] +
            [cell("link", name, 12) for name in LINKS])


def measure(rig, cell):
    """`machine_s`: what one argon2id took before and after, so that it shows when the machine itself was slower,
    which neighbours on the same hardware cause that no figure of foreign CPU knows of."""
    before = passwords.cpu_seconds("studyhall")
    result = {"front": front, "cache": cache, "pool": pool, "link": link}[cell.how["what"]](rig, cell)
    return {**result, "machine_s": (before + passwords.cpu_seconds("studyhall")) / 2}


# --- nginx before the gateway ---------------------------------------------------------------------

@contextlib.contextmanager
def stalling(pid):
    """The process stands still for a tenth of each second."""
    ending = threading.Event()

    def run():
        while not ending.wait(1 - STALL_S):
            os.kill(pid, signal.SIGSTOP)
            ending.wait(STALL_S)
            os.kill(pid, signal.SIGCONT)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def front(rig, cell):
    """As T4's history; where there are two gateways, again while the second stalls."""
    length, tokens = cell.how["seconds"], learners.tokens(learners.readers(rig))
    result = t4.without_pause(rig, tokens[0], length)
    runs = {"open": t4.at_a_rate(rig, tokens, length)}
    if "gateway.2" in rig.roles():
        with stalling(rig.roles()["gateway.2"]):
            runs["stalling"] = t4.at_a_rate(rig, tokens, length)
    return {**result, **{name: one["latency"] for name, one in runs.items()},
            "samples": result["samples"] + sum(one["sent"] for one in runs.values()),
            "errors": result["errors"] + sum(sum(one["errors"].values()) for one in runs.values())}


# --- Redis ----------------------------------------------------------------------------------------

class Reads:
    """What the reads of history that come until `stop()` cost: SELECTs, and look-ups in the cache."""

    def __init__(self, rig):
        self.rig, self.before = rig, self.counts(rig)

    @staticmethod
    def counts(rig):
        selects = rig.stores.sql("SHOW GLOBAL STATUS LIKE 'Com_select'").split()[1]
        metrics = rig.system.app.metrics("history")
        return [int(selects), *(metrics.get(f'studyhall_cache_gets_total{{result="{result}"}}', 0)
                                for result in ("hit", "miss", "untrusted"))]

    def stop(self, requests):
        selects, hits, misses, blind = (
            after - before for after, before in zip(self.counts(self.rig), self.before))
        asked = hits + misses + blind
        return {"selects_per_read": selects / requests, "hit_ratio": hits / asked if asked else 0.0}


def cache(rig, cell):
    """One page that all want while it changes; then the pages of many, which do not change."""
    length, use = cell.how["seconds"], Use(rig.roles())
    (hot,) = sessions.seed(rig, 1)
    give_pages(rig, 20)
    writes = openload.OpenLoad(rig, [openload.arrivals("write", WRITES, [hot], [EVENT])],
                               seconds=length + 3, warm_s=0)
    time.sleep(0.5)
    reads = Reads(rig)
    most = t4.without_pause(rig, hot, length)
    rate = most["rate"]
    one = {**reads.stop(most["samples"] + rate), "rate": rate, "p50": most["closed_p50"],
           "p99": most["closed_p99"]}
    written = writes.result()
    tokens = sessions.seed(rig, PEOPLE)
    give_pages(rig, 20)
    load = openload.OpenLoad(rig, [openload.arrivals("history", t4.OPEN_RATE, tokens, [openload.HISTORY])],
                             length, warm_s=2)
    time.sleep(2)
    reads = Reads(rig)
    result = load.result()
    step = openload.step_of(result, "history")
    many = {**reads.stop(step["sent"]), "p50": step["latency"]["p50"], "p99": step["latency"]["p99"]}
    return {"one": one, "many": many, "use": use.stop().document(),
            "samples": most["samples"] + step["sent"] + openload.step_of(written, "write")["sent"],
            "errors": most["errors"] + openload.errors_of(result) + openload.errors_of(written)}


def give_pages(rig, count):
    """So many events to everybody who has none."""
    auth, history = rig.system.database("auth"), rig.system.database("history")
    rig.stores.sql(
        "INSERT INTO event (user_id, at_ms, id, version, type, subject, minutes) "
        f"SELECT id, {int(time.time() * 1000)} - seq * 60000, CONCAT('g', seq), 1, 5, 'Biology', 25 "
        f"FROM {auth}.account, seq_1_to_{count} WHERE id NOT IN (SELECT user_id FROM event)", history)


# --- the CPU pool ---------------------------------------------------------------------------------

def pool(rig, cell):
    """16 users sign in without pause; who they are is asked of the same program, and history is read."""
    length, tokens = cell.how["seconds"], learners.tokens(learners.readers(rig))
    crowd = learners.crowd(rig, "storm", STORM)
    flows = [openload.people("sign_in", STORM, [], [openload.sign_ins(crowd)]),
             openload.arrivals("me", 50, tokens, [ME]),
             openload.arrivals("history", 100, tokens, [openload.HISTORY])]
    load = openload.OpenLoad(rig, flows, length, warm_s=2)
    time.sleep(2)
    use = Use(rig.roles())
    result = load.result()
    steps = {name: openload.step_of(result, name) for name in ("sign_in", "me", "history")}
    return {**{name: step["latency"] for name, step in steps.items()},
            "rate": steps["sign_in"]["ended"] / result["seconds"], "use": use.stop().document(),
            "samples": sum(step["sent"] for step in steps.values()), "errors": openload.errors_of(result)}


# --- the link -------------------------------------------------------------------------------------

def link(_rig, cell):
    use, length = Use({}), cell.how["seconds"]
    rates = t4.nng_rates(length, LINKS[cell.how["name"]])
    return {"rates": rates, "use": use.stop().document(), "errors": 0,  # it ends with the first one
            "samples": round(sum(rate for rate, _ in rates.values()) * max(1, length // 4))}
