"""Configurations of groups, for conversations that need them."""

from collections.abc import Mapping
from typing import Final

from kafkalite_conformance.differential.talk import Talk
from kafkalite_wire.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResponse,
)
from kafkalite_wire.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)

_GROUP_RESOURCE: Final = 32


async def configure_group(talk: Talk, group: str, configs: Mapping[str, str]) -> None:
    """Set configurations of a group, and wait until the broker knows them; none of this is written down."""
    voice = await talk.voice("usher")
    resource = AlterConfigsResource(
        resource_type=_GROUP_RESOURCE,
        resource_name=group,
        configs=tuple(AlterableConfig(name=name, config_operation=0, value=value) for name, value in configs.items()),
    )
    await voice.whisper(IncrementalAlterConfigsRequest(resources=(resource,), validate_only=False), 1, object)
    asked = DescribeConfigsResource(
        resource_type=_GROUP_RESOURCE, resource_name=group, configuration_keys=tuple(configs)
    )

    async def are_known() -> bool:
        answer = await voice.whisper(DescribeConfigsRequest(resources=(asked,)), 4, DescribeConfigsResponse)
        return {config.name: config.value for result in answer.results for config in result.configs} == configs

    await talk.until(are_known, f"configurations of {group}")
    await voice.hang_up()
