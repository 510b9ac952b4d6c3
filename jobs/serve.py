#!/usr/bin/env python3
"""Serve a release over HTTP. On a running cluster it is deployed, or moved in place; else it stays up until Ctrl-C."""

import _graph
from _entry import Job, run_job
from _try import try_tickets

from serve_app.current import check_policy
from serve_app.guard import read_keys, refuse_open_door
from tickets.release import open_release


def main(job: Job) -> None:
    """Deploy the graph, wait until the release answers, and tell where."""
    config, root = job.config.serve, job.storage.root
    refuse_open_door(config)
    release = open_release(job.storage, job.bucket, job.config.release)
    release.check()
    check_policy(config.policy, release.manifest.targets)
    if config.keys_file:
        read_keys(root / config.keys_file, make=True)
    client = _graph.Client(config, root)
    with _graph.running(job) as dashboard:
        _graph.deploy(dashboard, _graph.deploy_config(root, job.bucket, release.id, config))
        client.wait_for(release.id, config.policy.model_dump(mode="json"))
        job.report.result = {"release": release.id}
        if config.try_file:
            job.tell(try_tickets(client, job))
            job.report.next = [job.command("serve", without=("serve.try_file",))]
        else:
            job.report.made = {name: client.url + path for name, path in _graph.PAGES.items()} | {
                "dashboard": dashboard
            }
            job.report.next = [_graph.example(client, config)]
            _graph.stay(job)


if __name__ == "__main__":
    run_job("serve", main)
