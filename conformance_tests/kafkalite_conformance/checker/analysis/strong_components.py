"""Cycles of a directed graph, by Tarjan's algorithm."""

from collections import deque
from collections.abc import Collection, Iterator, Sequence


def strong_components(successors: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Yield the strongly connected components of more than one node; nodes are the indexes of `successors`.

    Without recursion, because a history makes paths of a hundred thousand nodes.
    """
    count = len(successors)
    index = [-1] * count
    low = [0] * count
    on_stack = bytearray(count)
    stack: list[int] = []
    counter = 0
    for root in range(count):
        if index[root] >= 0:
            continue
        index[root] = low[root] = counter
        counter += 1
        stack.append(root)
        on_stack[root] = 1
        work = [(root, 0)]
        while work:
            node, edge = work.pop()
            following = successors[node]
            while edge < len(following):
                target = following[edge]
                edge += 1
                if index[target] < 0:
                    work.append((node, edge))
                    index[target] = low[target] = counter
                    counter += 1
                    stack.append(target)
                    on_stack[target] = 1
                    work.append((target, 0))
                    break
                if on_stack[target]:
                    low[node] = min(low[node], index[target])
            else:
                if low[node] == index[node]:
                    component = _pop_down_to(node, stack, on_stack)
                    if len(component) > 1:
                        yield component
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])


def _pop_down_to(node: int, stack: list[int], on_stack: bytearray) -> list[int]:
    component: list[int] = []
    while True:
        member = stack.pop()
        on_stack[member] = 0
        component.append(member)
        if member == node:
            return component


def shortest_cycle(successors: Sequence[Sequence[int]], start: int, within: Collection[int]) -> list[int]:
    """Return the shortest path from a node back to itself within a component, without the node at its end."""
    came_from: dict[int, int] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for target in successors[node]:
            if target == start:
                path = [node]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if target in within and target not in came_from:
                came_from[target] = node
                queue.append(target)
    raise ValueError(f"node {start} is in no cycle")
