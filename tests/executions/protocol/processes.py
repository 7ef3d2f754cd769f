"""The processes of a run and their turns; rows, log and bells begin anew with each example."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from executions.models import StopSwitch
from executions.providers.registry import current_provider
from tests.executions.protocol.actors import Actor, take_turns
from tests.executions.protocol.first_day import Time, first_day
from tests.executions.protocol.judge import Judge
from tests.executions.protocol.service import SERVICE
from tests.executions.protocol.worker import Flight, Worker


class Processes:
    """Beat, two workers, the front doors and upkeep; their connections outlive an example."""

    def __init__(self, owner: User, time: Time) -> None:
        self.owner, self.time, self.service = owner, time, SERVICE
        self.provider = current_provider()
        self.beat, self.person = Actor("beat"), Actor("person")
        self.inbox, self.upkeep = Actor("inbox"), Actor("upkeep")
        self.workers = [Worker(0), Worker(1)]
        fronts = (self.beat, self.person, self.inbox, self.upkeep)
        self.actors = [*fronts, *(worker.actor for worker in self.workers)]
        for actor in fronts:
            actor.begin(actor.connect)
        take_turns(self.actors)
        #: how often what happened, over all examples
        self.totals: Counter[str] = Counter()
        self.begin_example()

    def begin_example(self) -> None:
        """Everything as on the first day."""
        first_day(self.time)
        self.service.log.clear()
        self.service.events.clear()
        self.service.hold = None
        self.judge = Judge(self.service)
        #: what was rung for, and may be rung for again at any time
        self.bells: list[UUID] = []
        self.looks: list[UUID] = []
        self._rung: list[UUID] = []
        self._looks: list[UUID] = []
        #: requests on the wire whose worker is gone or has given them up
        self.strays: list[Flight] = []
        self.switch: StopSwitch | None = None

    def end_example(self) -> None:
        """Whatever stands is ended; workers keep their sessions."""
        self._count()
        while standing := [actor for actor in self.actors if actor.standing]:
            for actor in standing:
                actor.go_on(kill=True)
            self._let_go()
        for worker in self.workers:
            worker.flights.clear()
            worker.left.clear()

    def _count(self) -> None:
        rang = {"examples": 1, "rings": len(self.service.log)}
        self.totals.update({**self.judge.entered, **rang})

    def _let_go(self) -> None:
        try:
            take_turns(self.actors)
        except Exception:  # it has failed already; what comes of the others is of no interest
            self._let_go()

    def end(self) -> None:
        """Ends all threads and connections."""
        for worker in self.workers:
            worker.hang_up()
        for actor in self.actors:
            actor.end()

    def step(
        self, actor: Actor, work: Callable[[], Any], then: Callable[[Any], object] = bool
    ) -> None:
        """One process does something; then the rows are looked at."""
        actor.begin(work, then)
        self.settle()

    def settle(self) -> None:
        """All go as far as they can; then the rows are looked at."""
        take_turns(self.actors)
        self.judge.look()
        # The database gives them in any order; a run that can be repeated needs one.
        self.bells += [id_ for id_ in self.judge.executions if id_ in self._rung]
        self.looks += sorted(self._looks)
        self._rung, self._looks = [], []
