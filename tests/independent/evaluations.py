"""Evaluations, made again while the parts are read: the check `policy` of export.md."""

from action import read_action
from common import Wrong, parse_canonical
from facts import check_inputs, facts_of
from policy import PolicySet, read_text
from shapes import Shape


class Misjudged(Exception):
    """What an entry says is not what the policy gives. `entry` is its position."""

    def __init__(self, why, entry):
        super().__init__(why)
        self.why = str(why)
        self.entry = entry


class Evaluations:
    """What the entries say about evaluations, held against the parts."""

    def __init__(self, replay):
        self._replay = replay
        self._sets = {}
        self._inputs = None
        self._over = {grant.action.proposed.index for grant in replay.grants.values()}
        self._payloads = {}  # of actions that a grant is over, by position
        self._shapes = {}  # of grants, by position

    def take(self, entry, name, content):
        """The content of a part, in the order of the export. Raises `Wrong` where its form is."""
        # A policy that did not come in force is any text.
        if name == "policy" and entry.index in self._replay.policies:
            files = read_text(content)
            try:
                self._sets[entry.index] = PolicySet(files, self._replay.is_team, f"policy/{entry.index}")
            except Wrong as error:
                raise Misjudged(error, entry.index) from error
        elif name == "inputs":
            self._inputs = parse_canonical(content)
            check_inputs(self._inputs)
        elif name == "payload":
            action, payload = self._replay.actions[entry.data["action"]], read_action(content)
            if entry.index in self._over:
                self._payloads[entry.index] = payload
            if action.policy is not None:
                self._judge(action, payload)
            self._check_uses(action, payload)
        elif name == "shape":
            self._take_shape(self._replay.grants[entry.data["signed"]["item"]["grant"]], content)

    def _take_shape(self, grant, content):
        index = grant.entry.index
        self._shapes[index] = Shape(content)
        try:
            self._shapes[index].check_fits(self._payloads[grant.action.proposed.index])
        except Wrong as error:
            raise Misjudged(error, index) from error

    def _check_uses(self, action, payload):
        """Each grant that a proposal names covers it."""
        for use in action.uses:
            like = self._payloads[use.grant.action.proposed.index]
            try:
                self._shapes[use.grant.entry.index].check_covers(like, payload)
            except Wrong as error:
                raise Misjudged(error, action.proposed.index) from error

    def _judge(self, action, payload):
        inputs, index = self._inputs, action.proposed.index
        seen = {"facts": facts_of(payload), "target": payload["target"]}
        if inputs != {**action.known, **seen, **{name: inputs[name] for name in ("wait_s",) if name in inputs}}:
            raise Misjudged("its inputs are not what the log and its payload say", index)
        policies = self._sets[action.policy.entry.index]
        told = {name: value for name, value in action.evaluation.items() if name != "reasons"}
        if policies.evaluate(inputs) != told:
            raise Misjudged("its policy gives another evaluation for its inputs", index)
        for given in action.verdicts:
            if given.approves:
                let = policies.may_approve(given.person, inputs, given.entry.time)
                if let != given.entry.data["policies"]:
                    raise Misjudged("other policies, or none, let its signer approve it", given.entry.index)
        for use in action.uses:
            if policies.may_approve(use.person, inputs, action.proposed.time) != use.policies:
                raise Misjudged("other policies, or none, let the signer of a grant approve it", index)
