"""What Prometheus is told of a server."""

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

import poleward

if TYPE_CHECKING:
    from poleward.records import Ranking

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
REQUESTS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        version = Gauge("poleward_version", "1, labelled with the version.", ["version"], registry=registry)
        version.labels(poleward.__version__).set(1)
        self.in_flight = Gauge("poleward_requests_in_flight", "Requests not yet answered.", registry=registry)
        self._requests = Counter("poleward_requests", "Requests answered.", ["path", "status"], registry=registry)
        self._seconds = Histogram(
            "poleward_request_seconds",
            "From the head of a request to its answer.",
            ["path"],
            buckets=SECONDS,
            registry=registry,
        )
        self._samples = Counter("poleward_samples_scored", "Samples scored.", registry=registry)
        self._anomalies = Counter("poleward_anomalies", "Samples called anomalies.", registry=registry)
        self._joined = Histogram(
            "poleward_requests_per_batch", "Requests scored together.", buckets=REQUESTS, registry=registry
        )

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def ranked(self, ranking: "Ranking", n_requests: int) -> None:
        """Count what was scored together."""
        self._samples.inc(len(ranking.score))
        self._anomalies.inc(int(ranking.is_anomaly.sum()))
        self._joined.observe(n_requests)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)
