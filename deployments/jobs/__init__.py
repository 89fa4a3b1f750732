"""Jobs: documents that are too long for one request, kept until they are read.

    job.py             a job as a value: its files, its pages, who reads them; every change is a pure function
    job_parts.py       a job in the parts in which stores keep it, so that a page writes no more than its own
    job_store.py       where jobs are kept, as an interface; changes by compare and swap
    sqlite_store.py    on one machine: SQLite
    redis_store.py     for several Gateways: Redis
    job_files.py       the uploads and what was read of each page: a folder or an object store, through fsspec
    fair_shares.py     whose pages are read next
    job_queue.py       what the Gateway and the workers do with all of these
    callbacks.py       tells somebody when a job has ended: signed, tried again, never to private addresses

Knows neither HTTP routes nor Ray; the deployment that reads the pages is `deployments/job_worker/`.
"""
