import pytest

from tests.kafka.cluster import RealCluster
from tests.kafka.topics import Topics

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_with_its_leader_killed_a_partition_is_led_by_another_until_the_first_is_preferred_again(
    cluster_of_three: RealCluster,
) -> None:
    topic = Topics(cluster_of_three.bootstrap_servers).create(replicas=3, settings={"min.insync.replicas": "2"})
    first = cluster_of_three.leader_of(topic)

    cluster_of_three.node(first).kill()
    try:
        second = cluster_of_three.until_led(topic, other_than=first)
    finally:
        cluster_of_three.node(first).start()
    cluster_of_three.until_in_sync(topic, replicas=3)
    cluster_of_three.elect_preferred(topic)

    assert second != first
    assert cluster_of_three.leader_of(topic) == cluster_of_three.replicas_of(topic)[0]
