"""Shell completion: of commands and options by click, of topics and groups by asking the broker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import click
from click.shell_completion import CompletionItem, get_completion_class

_PATIENCE: Final = 1.0
"""Seconds that a person may wait for a name after pressing the key."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(*, shell: str) -> None:
    """Print the script that completes commands, options, topics and groups.

    For bash, put `eval "$(kafkalite completion bash)"` into ~/.bashrc; for zsh the same into ~/.zshrc; for fish,
    write the output to ~/.config/fish/completions/kafkalite.fish.
    """
    from kafkalite.tools.cli.commands import kafkalite

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(kafkalite, {}, "kafkalite", "_KAFKALITE_COMPLETE").source())


def complete_topics(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the topics of the broker; nothing where it cannot be asked."""
    from kafkalite.client.questions import topic_names

    return _asked(ctx, topic_names, incomplete)


def complete_groups(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the groups of the broker; nothing where it cannot be asked."""
    from kafkalite.client.questions import group_ids

    return _asked(ctx, group_ids, incomplete)


def _asked(ctx: click.Context, question: Callable[..., list[str]], incomplete: str) -> list[CompletionItem]:
    from kafkalite.tools.admin.access import parse_bootstrap

    try:
        [address, *_] = parse_bootstrap(str(ctx.params["bootstrap"]))
        names = question((address.host, address.port), timeout=_PATIENCE)
    except Exception:  # noqa: BLE001  # completion never prints an error into the user's prompt
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
