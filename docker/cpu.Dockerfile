# gridcell for machines without a GPU: heads, CPU workers, MLflow's server.
# Build it from the repository's root: docker build -f docker/cpu.Dockerfile -t gridcell:0.1.0 .
FROM python:3.11.14-slim-bookworm AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN python -m venv /opt/gridcell

WORKDIR /src
COPY pyproject.toml constraints.txt ./
# Dependencies change rarely: a layer of their own, below that of the code.
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
      print('\n'.join(p['dependencies'] + p['optional-dependencies']['s3'] + p['optional-dependencies']['rl']))" \
      >requirements.txt \
    && sed -nE 's/^(torch|torchvision)==(.*)/\1==\2+cpu/p' constraints.txt >cpu.txt \
    && /opt/gridcell/bin/pip install --no-cache-dir -c constraints.txt \
      --extra-index-url https://download.pytorch.org/whl/cpu \
      -r cpu.txt -r requirements.txt boto3 psycopg2-binary
COPY README.md hatch_build.py ./
COPY platform platform
COPY tasks tasks
RUN /opt/gridcell/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11.14-slim-bookworm
RUN useradd --uid 1000 --create-home ray
COPY --from=build /opt/gridcell /opt/gridcell
ENV PATH=/opt/gridcell/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    MALLOC_ARENA_MAX=1 \
    MALLOC_TRIM_THRESHOLD_=1073741824 \
    MALLOC_MMAP_THRESHOLD_=1073741824 \
    RAY_AUTH_MODE=token \
    RAY_USAGE_STATS_ENABLED=0 \
    MLFLOW_DISABLE_TELEMETRY=true
USER 1000
WORKDIR /home/ray
CMD ["gridcell", "--help"]
