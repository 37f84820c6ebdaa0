from .check import Check as Check, ContractError as ContractError, require as require
from .file import file_checks as file_checks
from .part import part_checks as part_checks
from .task import task_checks as task_checks
