#!/usr/bin/env python3
"""Serve a release over HTTP. On a running cluster it is deployed, or moved in place; else it stays up until Ctrl-C."""

from pathlib import Path

import _graph
import yaml
from _entry import Job, run_job
from _try import try_tickets

from serve_app.current import check_policy
from serve_app.guard import read_keys, refuse_open_door
from tickets.release import open_release


def main(job: Job) -> None:
    """Deploy the graph, wait until the release answers, and tell where; or write what `serve deploy` takes."""
    config, storage = job.config.serve, job.storage
    refuse_open_door(config)
    release = open_release(storage, job.bucket, job.config.release)
    release.check()
    if config.keys_file:
        read_keys(storage.local_path(config.keys_file), make=True)
    client = _graph.Client(config, storage.work_dir)
    policy = _graph.policy_to_use(job, client)
    check_policy(policy, release.manifest.targets)
    job.report.result = {"release": release.id}
    if config.write_config:
        wanted = _graph.deploy_config(storage.root, job.bucket, release.id, config, policy)
        Path(config.write_config).write_text(yaml.safe_dump(wanted, sort_keys=False))
        job.report.made = {"config": str(Path(config.write_config).absolute())}
        job.report.next = [f"serve deploy {config.write_config}"]
        return
    with _graph.running(job) as dashboard:
        _graph.deploy(dashboard, _graph.deploy_config(storage.root, job.bucket, release.id, config, policy))
        client.wait_for(release.id, policy.model_dump(mode="json"))
        if config.try_file:
            job.tell(try_tickets(client, job))
            job.report.next = [job.command("serve", without=("serve.try_file",))]
        else:
            pages = {name: client.url + path for name, path in _graph.PAGES.items()}
            job.report.made = {**pages, "dashboard": dashboard}
            job.report.next = [_graph.example(client, config)]
            _graph.stay(job)


if __name__ == "__main__":
    run_job("serve", main)
