"""`python -m kafkalite_conformance.checker`: run the workload and print what it found."""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from kafkalite_conformance.checker.analysis.search import search
from kafkalite_conformance.checker.broken import BROKEN
from kafkalite_conformance.checker.reading import read_history
from kafkalite_conformance.checker.report import report
from kafkalite_conformance.checker.workload.frames import Meddler
from kafkalite_conformance.checker.workload.nemesis import FAULTS
from kafkalite_conformance.checker.workload.run import Plan, run_on_cluster, run_workload
from kafkalite_conformance.clusters import Cluster, running_cluster
from kafkalite_conformance.proxied_broker import ProxiedStarter, proxied_cluster
from kafkalite_conformance.starters import starter_named


@click.command()
@click.option("--broker", metavar="kafka|kafkalite|HOST:PORT", help="Start a broker, or use the one that runs there.")
@click.option(
    "--brokers", type=click.IntRange(1), default=1, show_default=True, help="How many to start, as a cluster."
)
@click.option("--proxy", is_flag=True, help="Have everything reach that broker through `kafkalite proxy`.")
@click.option("--seconds", default=30.0, show_default=True, help="How long the processes run.")
@click.option("--seed", default=0, show_default=True, help="Decides the faults and what the processes do.")
@click.option("--faults", default=",".join(FAULTS), show_default=True, help="The faults to make; empty for none.")
@click.option("--transactions", type=click.IntRange(0, 2), help="Their version; by default what the broker offers.")
@click.option(
    "--broken", type=click.Choice(sorted(BROKEN)), help="Make a broken broker of it, to see the checker find it."
)
@click.option("--history", metavar="FILE", type=click.Path(path_type=Path), help="Keep the history here.")
@click.option("--analyse", metavar="FILE", type=click.Path(path_type=Path, exists=True), help="Search a kept history.")
def main(
    proxy: bool,
    broker: str | None,
    brokers: int,
    seconds: float,
    seed: int,
    faults: str,
    transactions: int | None,
    broken: str | None,
    history: Path | None,
    analyse: Path | None,
) -> None:
    """Run producers, consumers and copy processes under faults, and search the history for broken promises.

    Exit with 1 if there is an anomaly. Faults of the process itself (kill, restart, pause) need a broker that was
    started here, and those of one broker of several (stop-one, kill-one, kill-most) a cluster.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="checker-", ignore_cleanup_errors=True)))
        if analyse is None:
            if broker is None:
                raise click.UsageError("say which broker to check: --broker kafka|kafkalite|HOST:PORT")
            chosen = [name for name in faults.split(",") if name]
            if not set(chosen) <= set(FAULTS):
                raise click.UsageError(f"the faults are {', '.join(FAULTS)}")
            analyse = history or folder / "history.jsonl"
            plan = Plan(seconds=seconds, seed=seed, faults=chosen, transactions=transactions)
            if brokers > 1:
                if broken or ":" in broker:
                    raise click.UsageError("several brokers are started here, and frames between them stay as they are")
                cluster: Cluster = stack.enter_context(running_cluster(broker, brokers=brokers, voters=brokers))
                if proxy:
                    cluster = stack.enter_context(proxied_cluster(cluster, folder))
                with analyse.open("w") as file:
                    run_on_cluster(cluster, file, plan)
            else:
                _run(broker, analyse, plan, folder, BROKEN[broken].make() if broken else None, is_proxied=proxy)
        with analyse.open() as lines:
            findings = search(read_history(lines))
    print(report(findings))
    sys.exit(1 if findings.anomalies else 0)


def _run(name: str, history: Path, plan: Plan, folder: Path, meddler: Meddler | None, *, is_proxied: bool) -> None:
    with history.open("w") as file:
        if ":" in name:
            run_workload(name, file, plan, meddler=meddler)
            return
        starter = starter_named(name)
        broker = (ProxiedStarter(starter) if is_proxied else starter).start(folder / "broker")
        try:
            run_workload(broker.bootstrap, file, plan, broker=broker, meddler=meddler)
        finally:
            broker.close()


if __name__ == "__main__":
    main()
