#!/usr/bin/env python3
"""List the versions of a bucket's tables, or remove those that nobody needs (snapshots.prune=true)."""

from _entry import Job, run_job

from tickets.data.retention import list_versions, prune
from tickets.train.prepare import forget_texts


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
    vectors = forget_texts(job.storage, job.config)
    job.tell(
        f"removed {pruned.snapshots} versions, {pruned.parts} files of rows ({pruned.num_bytes / 2**20:.1f} MiB), "
        f"{vectors} vectors of texts and {pruned.drafts} drafts; what is younger than {config.older_than_h:g} hours "
        "stays"
    )
    removed = {"versions": pruned.snapshots, "parts": pruned.parts, "bytes": pruned.num_bytes, "vectors": vectors}
    job.report.result["removed"] = removed
    job.report.next = [job.command("snapshots", without=("snapshots.prune",))]


if __name__ == "__main__":
    run_job("snapshots", main)
