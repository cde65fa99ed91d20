# SPDX-License-Identifier: MIT
"""The HorizontalPodAutoscaler's arithmetic (autoscaling/v2), as its controller does it every 15 s.

For each metric: desired = ceil(replicas * value / target), unless value / target is within 10 % of 1; the
greatest of them counts. A metric that cannot be read proposes nothing, and while one cannot be read
nothing is scaled down (kubernetes#99514). Scaling down takes the greatest proposal of the last
stabilization window, scaling up the least; both are bounded by the policies, which look at what has been
added or removed within their periods, and by the least and most replicas.
"""
import math

TOLERANCE = 0.1
SYNC_S = 15


class Behavior:
    """One direction: policies are ("Percent" or "Pods", value, period in s)."""

    def __init__(self, window_s, policies, select="Max"):
        self.window_s = window_s
        self.policies = policies
        self.select = select

    @classmethod
    def of(cls, manifest):
        return cls(manifest["stabilizationWindowSeconds"],
                   [(one["type"], one["value"], one["periodSeconds"])
                    for one in manifest["policies"]], manifest.get("selectPolicy", "Max"))


class Autoscaler:
    """`targets`: {metric: value per pod}."""

    def __init__(self, targets, least, most, up, down):
        self.targets = targets
        self.least, self.most = least, most
        self.up, self.down = up, down
        self.proposals = []  # (time, desired)
        self.changes = []  # (time, replicas added)

    @classmethod
    def of(cls, manifest, only=None):
        """From a rendered manifest; `only`: the names of the metrics that count."""
        targets = {}
        for metric in manifest["spec"]["metrics"]:
            if metric["type"] == "Pods":
                targets[metric["pods"]["metric"]["name"]] = \
                    float(metric["pods"]["target"]["averageValue"])
            else:
                targets["cpu"] = metric["resource"]["target"]["averageUtilization"] / 100
        if only:
            targets = {name: targets[name] for name in only}
        behavior = manifest["spec"]["behavior"]
        return cls(targets, manifest["spec"]["minReplicas"], manifest["spec"]["maxReplicas"],
                   Behavior.of(behavior["scaleUp"]), Behavior.of(behavior["scaleDown"]))

    @staticmethod
    def proposal(replicas, ready, ratio):
        """Pods that are not ready count as idle when that makes it scale up less."""
        if ratio > 1 and ready < replicas:
            ratio *= ready / replicas
            return replicas if ratio <= 1 + TOLERANCE else math.ceil(replicas * ratio)
        return replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(ready * ratio)

    def propose(self, replicas, ready, values):
        """`values`: {metric: mean of the ready pods, or None when it cannot be read}."""
        proposals, missing = [], False
        for name, target in self.targets.items():
            value = values.get(name)
            if value is None:
                missing = True
                continue
            proposals.append(self.proposal(replicas, ready, value / target))
        if not proposals or (missing and max(proposals) < replicas):
            return replicas
        return max(proposals)

    def changed(self, now, period_s, sign):
        return sum(sign * change for at, change in self.changes
                   if at > now - period_s and sign * change > 0)

    def limit(self, behavior, replicas, now, up):
        """How many replicas the policies allow."""
        sign = 1 if up else -1
        limits = []
        for kind, value, period_s in behavior.policies:
            start = replicas - sign * self.changed(now, period_s, sign)
            if kind == "Pods":
                limits.append(start + sign * value)
            elif up:
                limits.append(math.ceil(start * (1 + value / 100)))
            else:
                limits.append(math.floor(start * (1 - value / 100)))
        most = behavior.select == "Max"
        return (max if most == up else min)(limits)

    def step(self, now, replicas, ready, values):
        desired = self.propose(replicas, ready, values)
        longest = max(self.up.window_s, self.down.window_s)
        self.proposals = [one for one in self.proposals if one[0] > now - longest]
        self.proposals.append((now, desired))
        of_up = [n for at, n in self.proposals if at > now - self.up.window_s] or [desired]
        of_down = [n for at, n in self.proposals if at > now - self.down.window_s] or [desired]
        desired = min(max(replicas, min(of_up)), max(of_down)) if desired > replicas \
            else max(min(replicas, max(of_down)), min(of_up))
        if desired > replicas:
            desired = max(replicas, min(desired, self.limit(self.up, replicas, now, True)))
        elif desired < replicas:
            desired = min(replicas, max(desired, self.limit(self.down, replicas, now, False)))
        desired = max(self.least, min(self.most, desired))
        if desired != replicas:
            self.changes.append((now, desired - replicas))
        return desired
