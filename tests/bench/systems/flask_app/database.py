"""SQLAlchemy's pool over PyMySQL. No connection is held while an AI answers."""
import contextlib

import sqlalchemy

from shared import settings

engine = sqlalchemy.create_engine(sqlalchemy.engine.URL.create(
    "mysql+pymysql", settings.MYSQL_USER, settings.MYSQL_PASSWORD, database=settings.MYSQL_DATABASE,
    query={"unix_socket": settings.MYSQL_SOCKET, "charset": "utf8mb4"}), pool_recycle=280)


@contextlib.contextmanager
def transaction():
    """`run(statement, parameters)`; committed at the end, rolled back after an exception."""
    with engine.begin() as connection:
        yield connection.exec_driver_sql
