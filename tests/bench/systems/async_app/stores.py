"""MySQL by aiomysql's pool and Redis by redis-py's asyncio client: made when the server starts."""
import contextlib

import aiomysql
import redis.asyncio

from shared import settings

cache = redis.asyncio.Redis(unix_socket_path=settings.REDIS_SOCKET,
                            password=settings.REDIS_PASSWORD or None)
pool = None


async def open_pool():
    global pool
    pool = await aiomysql.create_pool(
        unix_socket=settings.MYSQL_SOCKET, user=settings.MYSQL_USER,
        password=settings.MYSQL_PASSWORD, db=settings.MYSQL_DATABASE, charset="utf8mb4", minsize=1,
        maxsize=15, pool_recycle=280)


@contextlib.asynccontextmanager
async def transaction():
    """A cursor; committed at the end, rolled back after an exception."""
    async with pool.acquire() as connection, connection.cursor() as cursor:
        try:
            yield cursor
            await connection.commit()
        except BaseException:
            await connection.rollback()
            raise


async def first(cursor, statement, parameters):
    await cursor.execute(statement, parameters)
    return await cursor.fetchone()
