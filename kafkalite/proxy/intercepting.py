"""Interceptors of messages in a proxy; imported where there are any."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kafkalite.interceptors.installing import InstalledInterceptors

if TYPE_CHECKING:
    from kafkalite.interceptors.interface import MessageInterceptor
    from kafkalite.proxy.proxy import Proxy


def installed_in(proxy: Proxy, interceptors: Iterable[MessageInterceptor] = ()) -> InstalledInterceptors:
    """Install interceptors in a proxy, and return what replaces them."""
    installed = InstalledInterceptors(proxy)
    installed.replace(interceptors)
    return installed
