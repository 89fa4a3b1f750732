"""What runs on the cluster as Ray Serve deployments. This is the map: one line for each folder and file.

    app.py           the Serve application: which deployment is bound to which
    placement.py     how many replicas each deployment has, on which nodes; writes serve_config*.yaml

    gateway/         the deployment that speaks HTTP: routes, keys, limits, documents, output formats
    router/          the deployment that asks the engines and fuses what they read
    segmentation/    the deployment that turns image files into crops of lines
    engine/          the deployment that hosts one engine: its queue, its batches, its health
    job_worker/      the deployment that reads the pages of jobs, with what the Gateway reads pages with

    jobs/            documents that are too long for one request: where they are kept, whose pages are read next
    replica/         what every replica runs beside its work, and the state that replicas share
    observability/   metrics, logs, traces, the monitor, the self-test
    transport.py     calls through Serve handles; the one place that knows Ray's exceptions
    messages/        what deployments ask and answer each other, as frozen values
    config/          the configuration: its schema, its layers, its versions, API keys

Each deployment is a folder whose Serve class is in `deployment.py`, with what serves only it beside it. The first four
do not import each other; they share the six below them. The worker of jobs stands above the four: it reads as the
Gateway does. A folder may import those below it in this list, never one above; import-linter holds that
(pyproject.toml).

Still to come, and where it will be: other people's protocols in `deployments/gateway/integrations/`, review by people
in `deployments/review/`.
"""
