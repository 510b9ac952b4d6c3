#!/usr/bin/env python3
"""List the versions of a bucket's tables, or remove those that nobody needs (snapshots.prune=true)."""

from _entry import Job, run_job

from tickets.data.retention import list_versions, prune


def main(job: Job) -> None:
    """List what there is; prune it where asked."""
    config = job.config.snapshots
    versions = list_versions(job.storage, job.bucket, config)
    job.tell("\n".join(map(str, versions)) or f"bucket {job.bucket!r} has no table yet")
    job.report.result = {"versions": len(versions), "not_needed": sum(not of.why for of in versions)}
    if not config.prune:
        job.report.next = [job.command("snapshots", "snapshots.prune=true")]
        return
    pruned = prune(job.storage, job.bucket, config)
    job.tell(
        f"removed {pruned.snapshots} versions, {pruned.parts} files of rows ({pruned.num_bytes / 2**20:.1f} MiB) and "
        f"{pruned.drafts} drafts; what is younger than {config.older_than_h:g} hours stays"
    )
    job.report.result |= {"removed": {"versions": pruned.snapshots, "parts": pruned.parts, "bytes": pruned.num_bytes}}
    job.report.next = [job.command("snapshots", without=("snapshots.prune",))]


if __name__ == "__main__":
    run_job("snapshots", main)
