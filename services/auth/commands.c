/* SPDX-License-Identifier: MIT
 * What the operator types: `auth users ...`. Passwords are read from standard input, never taken
 * from the command line, which others can see. */
#include "services/auth/auth.h"
#include "services/auth/commands.h"

#include "common/base/arena.h"
#include "common/base/config.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/base/text.h"
#include "common/io/db.h"
#include "common/task/task.h"
#include "services/auth/credentials.h"
#include "services/auth/store.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define COMMAND_PAGE         200
#define COMMAND_PASSWORD_MIN 8
#define COMMAND_PASSWORD_MAX 128
#define COMMAND_RESET_MS     ((int64_t)3600 * 1000)
#define COMMAND_LOCAL_URL    "http://127.0.0.1:8080"

static int
command_failed(const char *command, const char *what)
{
	fprintf(stderr, "auth users %s: %s\n", command, what);
	return 1;
}

/* `done`: what there is to say about the account's email when all went well; or NULL. */
static int
command_result(const char *command, enum status status, const struct account *account,
               const char *done)
{
	if (status != STATUS_OK)
		return command_failed(command, status == STATUS_NOT_FOUND ? "there is no such user"
		                                                          : status_title(status));
	auth_audit(command, "ok", account->id, "operator"); /* whatever LOG_LEVEL says */
	if (done != NULL)
		printf("%s %s\n", account->email, done);
	return 0;
}

/* The account of the one argument, an email address. */
static enum status
command_account(struct service *service, char **argv, struct account *account)
{
	const char *email = text_trim(task_arena(), argv[0]);
	const char *folded = email != NULL ? text_fold(task_arena(), email) : NULL;

	if (folded == NULL)
		return STATUS_NOT_FOUND;
	return auth_store_account_by_email(service_db(service), folded, NULL, account, NULL);
}

static int
command_list(struct service *service, int argc, char **argv)
{
	struct account *accounts;
	const char *after = "";
	size_t count;
	enum status status;

	(void)argc;
	(void)argv;
	do {
		status = auth_store_list_accounts(service_db(service), after, COMMAND_PAGE,
		                                  &accounts, &count);
		if (status != STATUS_OK)
			return command_failed("list", status_title(status));
		for (size_t i = 0; i < count; i++)
			printf("%s\t%s\t%s\t%s\t%s\n", accounts[i].id, accounts[i].email,
			       auth_instant(accounts[i].created_at),
			       accounts[i].disabled ? "disabled" : "enabled",
			       accounts[i].name != NULL ? accounts[i].name : "");
		if (count > 0)
			after = accounts[count - 1].id;
	} while (count == COMMAND_PAGE);
	return 0;
}

static int
command_disable(struct service *service, int argc, char **argv)
{
	struct account account;
	enum status status = command_account(service, argv, &account);

	(void)argc;
	if (status == STATUS_OK)
		status =
		    credentials_disable(service_cache(service), service_db(service), account.id);
	return command_result("disable", status, &account, "is disabled and signed out everywhere");
}

static int
command_enable(struct service *service, int argc, char **argv)
{
	struct account account;
	enum status status = command_account(service, argv, &account);

	(void)argc;
	if (status == STATUS_OK)
		status =
		    credentials_enable(service_cache(service), service_db(service), account.id);
	return command_result("enable", status, &account, "is enabled and may sign in");
}

static int
command_erase(struct service *service, int argc, char **argv)
{
	struct account account;
	enum status status = command_account(service, argv, &account);

	(void)argc;
	if (status == STATUS_OK)
		status = credentials_erase(service_cache(service), service_db(service), account.id);
	return command_result("erase", status, &account, "is being erased from every service");
}

/* One line from standard input, not shown on a terminal. Returns false at its end. */
static bool
command_read_line(char *line, size_t size)
{
	struct termios shown, hidden;
	bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
	bool read;

	if (terminal) {
		fputs("New password: ", stderr);
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSANOW, &hidden);
	}
	read = fgets(line, (int)size, stdin) != NULL;
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSANOW, &shown);
		fputc('\n', stderr);
	}
	line[read ? strcspn(line, "\r\n") : 0] = '\0';
	return read;
}

static int
command_set_password(struct service *service, int argc, char **argv)
{
	struct password_policy policy = {.pool = service_pool(service),
	                                 .memory_kib = auth_settings.argon2_memory_kib,
	                                 .passes = auth_settings.argon2_passes};
	char line[COMMAND_PASSWORD_MAX * 8], hash[PASSWORD_HASH_SIZE];
	const char *password = NULL;
	struct account account;
	enum status status = command_account(service, argv, &account);

	(void)argc;
	if (status != STATUS_OK)
		return command_result("set-password", status, &account, NULL);
	if (command_read_line(line, sizeof line))
		password = text_nfc(task_arena(), line);
	sodium_memzero(line, sizeof line);
	if (password == NULL || text_length(password) < COMMAND_PASSWORD_MIN ||
	    text_length(password) > COMMAND_PASSWORD_MAX)
		return command_failed(
		    "set-password", "the password on standard input must have 8 to 128 characters");
	status = password_hash(&policy, password, hash);
	if (status == STATUS_OK)
		status = credentials_set_password(service_cache(service), service_db(service),
		                                  account.id, hash, NULL);
	return command_result("set-password", status, &account,
	                      "has a new password and is signed out everywhere");
}

/* Where a browser finds us, without a '/' at the end: PUBLIC_URL, or where the gateway listens.
 * NULL without memory. */
static const char *
command_origin(void)
{
	const char *url = config_get("PUBLIC_URL"), *listen = config_get("GATEWAY_LISTEN");
	const char *host = "127.0.0.1", *colon;
	size_t length;

	if (url != NULL) {
		for (length = strlen(url); length > 0 && url[length - 1] == '/';)
			length--;
		return arena_strndup(task_arena(), url, length);
	}
	if (listen == NULL)
		return COMMAND_LOCAL_URL;
	colon = strrchr(listen, ':');
	if (colon == NULL || strncmp(listen, "unix:", 5) == 0)
		return "http://localhost";
	length = (size_t)(colon - listen);
	/* Every address of the machine is no address to go to. */
	if (strncmp(listen, "[::]:", 5) == 0)
		host = "[::1]";
	else if (length > 0 && strncmp(listen, "0.0.0.0:", 8) != 0)
		host = arena_strndup(task_arena(), listen, length);
	return host == NULL ? NULL : arena_printf(task_arena(), "http://%s%s", host, colon);
}

static int
command_reset_link(struct service *service, int argc, char **argv)
{
	const char *origin = command_origin();
	char token[TOKEN_SIZE], digest[TOKEN_SIZE];
	struct account account;
	enum status status = command_account(service, argv, &account);

	(void)argc;
	if (origin == NULL)
		status = STATUS_OVERLOADED;
	ids_token(token);
	ids_digest(token, strlen(token), digest);
	if (status == STATUS_OK)
		status = auth_store_add_reset(service_db(service), digest, account.id,
		                              auth_now_ms() + COMMAND_RESET_MS);
	if (command_result("reset-link", status, &account, NULL) != 0)
		return 1;
	printf("%s/v1/password-resets/%s\n", origin, token);
	return 0;
}

const struct service_command auth_commands[] = {
    {"users list", "users list                  id, email, since when, state, name", command_list},
    {"users disable", "users disable EMAIL         end the user's sessions and keep them out",
     command_disable},
    {"users enable", "users enable EMAIL          let a disabled user in again", command_enable},
    {"users set-password", "users set-password EMAIL    the new one is read from standard input",
     command_set_password},
    {"users reset-link", "users reset-link EMAIL      print a link that sets a new password once",
     command_reset_link},
    {"users erase", "users erase EMAIL           erase the user from every service", command_erase},
};
const size_t auth_command_count = COUNT_OF(auth_commands);
