#!/usr/bin/env bash
# ray 2.60.0: Serve's Taskiq adapter for background tasks can be configured and makes its broker, and then can do
# nothing: each of its eight methods raises NotImplementedError.
#
# TaskiqAdapterConfig and TaskiqTaskProcessorAdapter are public ("beta"), list eleven kinds of brokers from Redis to
# Kafka, check the arguments of each and ask for its package. A class with @task_consumer is made without an error.
# Only when its replica starts, the adapter raises NotImplementedError without a word; the programs that would put tasks
# into the queue get the same. The adapter for Celery beside it has all of these methods.
#
# Seen on 2026-11-30 with ray[serve] 2.60.0, taskiq 0.13.0, taskiq-redis 1.2.4, Python 3.11:
#   @task_consumer with the Taskiq adapter: no error
#   adapter.initialize(): no error, a broker of type RedisStreamBroker
#   cancel_task_sync, enqueue_task_sync, get_metrics_sync, get_task_status_sync: NotImplementedError
#   health_check_sync, register_task_handle, start_consumer, stop_consumer: NotImplementedError
#   what the replica calls when it starts: NotImplementedError, message ''
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet 'ray[serve]==2.60.0' taskiq==0.13.0 taskiq-redis==1.2.4
cat > "$folder/try.py" <<'PYTHON'
import inspect

from ray.serve.schema import TaskProcessorAdapter, TaskProcessorConfig
from ray.serve.task_consumer import task_consumer, task_handler
from ray.serve.taskiq_task_processor import TaskiqAdapterConfig, TaskiqTaskProcessorAdapter

ARGUMENTS = {"task_name": "read", "task_id": "1", "func": print}
config = TaskProcessorConfig(
    queue_name="pages",
    adapter=TaskiqTaskProcessorAdapter,
    adapter_config=TaskiqAdapterConfig(broker_type="redis_stream", broker_kwargs={"url": "redis://127.0.0.1:1"}),
)


@task_consumer(task_processor_config=config)
class Reader:
    @task_handler(name="read")
    def read(self, page):
        return page


print("@task_consumer with the Taskiq adapter: no error")
adapter = TaskiqTaskProcessorAdapter(config)
adapter.initialize()
print(f"adapter.initialize(): no error, a broker of type {type(adapter._broker).__name__}")

said = {}
for name in sorted(TaskProcessorAdapter.__abstractmethods__ - {"initialize"}):
    method = getattr(adapter, name)
    needed = [each for each in inspect.signature(method).parameters if each in ARGUMENTS]
    try:
        method(**{each: ARGUMENTS[each] for each in needed})
        said[name] = "no error"
    except Exception as error:
        said[name] = type(error).__name__
names = list(said)
for some in (names[:4], names[4:]):
    print(f"{', '.join(some)}: {' and '.join(sorted({said[name] for name in some}))}")

reader = Reader()
try:
    reader.initialize_callable(1)
    print("what the replica calls when it starts: no error")
except Exception as error:
    print(f"what the replica calls when it starts: {type(error).__name__}, message {str(error)!r}")
    type(reader).__del__ = lambda self: None  # it would stop the consumer, which raises too
PYTHON
"$folder/env/bin/python" "$folder/try.py" 2> "$folder/errors" | tee "$folder/seen" || cat "$folder/errors"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen" || { echo "the behaviour has changed"; exit 1; }
echo "as stated"
