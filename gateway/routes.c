/* SPDX-License-Identifier: MIT
 * The one table of routes. Of patterns that match the same path the first counts, so literal ones
 * stand before those with variables. */
#include "gateway/routes.h"

#include "auth.pb-c.h"
#include "common/base/obj.h"
#include "history.pb-c.h"
#include "planner.pb-c.h"
#include "proto/auth_rules.h"
#include "proto/history_rules.h"
#include "proto/planner_rules.h"
#include "proto/voice_rules.h"
#include "voice.pb-c.h"
/* new-service: includes above */

const struct route_actor route_actors[] = {
    {"auth", &auth__auth__descriptor, {auth_rules, AUTH_RULE_COUNT}, "tcp://127.0.0.1:7001"},
    {"planner",
     &planner__planner__descriptor,
     {planner_rules, PLANNER_RULE_COUNT},
     "tcp://127.0.0.1:7002"},
    {"history",
     &history__history__descriptor,
     {history_rules, HISTORY_RULE_COUNT},
     "tcp://127.0.0.1:7003"},
    {"voice", &voice__voice__descriptor, {voice_rules, VOICE_RULE_COUNT}, "tcp://127.0.0.1:7004"},
    /* new-service: actors above */
};
const unsigned route_actor_count = COUNT_OF(route_actors);

#define PAGE "limit cursor"

/* clang-format off */
struct route routes[] = {
	/* Users and sessions. */
	{.method = "POST", .pattern = "/v1/users", .actor = "auth", .rpc = "SignUp",
	 .summary = "Sign up", .body = ROUTE_BODY_JSON, .success = 201,
	 .flags = ROUTE_PUBLIC | ROUTE_CLIENT | ROUTE_NO_STORE},
	{.method = "GET", .pattern = "/v1/users/me", .actor = "auth", .rpc = "GetMe",
	 .summary = "Who I am"},
	{.method = "PATCH", .pattern = "/v1/users/me", .actor = "auth", .rpc = "UpdateMe",
	 .summary = "Change my settings or my password", .body = ROUTE_BODY_JSON,
	 .flags = ROUTE_CLIENT | ROUTE_ENDS_SESSIONS},
	{.method = "DELETE", .pattern = "/v1/users/me", .actor = "auth", .rpc = "DeleteMe",
	 .summary = "Erase me and everything of mine", .body = ROUTE_BODY_JSON, .success = 202,
	 .flags = ROUTE_CLIENT | ROUTE_ENDS_SESSIONS | ROUTE_CLEARS_COOKIE},
	{.method = "GET", .pattern = "/v1/users/me/export", .actor = "auth", .rpc = "ExportMe",
	 .summary = "Everything of mine in one document", .answer = ROUTE_ANSWER_DOCUMENT,
	 .flags = ROUTE_CLIENT | ROUTE_NO_STORE, .deadline_ms = 120000},
	{.method = "GET", .pattern = "/v1/users/me/quota", .actor = "planner", .rpc = "GetQuota",
	 .summary = "What is left of my plans and tokens of today"},
	{.method = "POST", .pattern = "/v1/sessions", .actor = "auth", .rpc = "SignIn",
	 .summary = "Sign in", .body = ROUTE_BODY_JSON, .success = 201,
	 .flags = ROUTE_PUBLIC | ROUTE_CLIENT | ROUTE_NO_STORE | ROUTE_SETS_COOKIE | ROUTE_RATED},
	{.method = "GET", .pattern = "/v1/sessions", .actor = "auth", .rpc = "ListSessions",
	 .summary = "Where I am signed in", .query = PAGE},
	{.method = "GET", .pattern = "/v1/sessions/current", .actor = "auth",
	 .rpc = "GetCurrentSession", .summary = "This session"},
	{.method = "DELETE", .pattern = "/v1/sessions/current", .actor = "auth", .rpc = "SignOut",
	 .summary = "Sign out", .success = 204,
	 .flags = ROUTE_CLIENT | ROUTE_ENDS_SESSIONS | ROUTE_CLEARS_COOKIE},
	{.method = "DELETE", .pattern = "/v1/sessions/{id}", .actor = "auth",
	 .rpc = "DeleteSession", .summary = "End another session", .success = 204,
	 .flags = ROUTE_CLIENT | ROUTE_ENDS_SESSIONS},
	{.method = "POST", .pattern = "/v1/password-resets/{token}", .actor = "auth",
	 .rpc = "ResetPassword", .summary = "Set a new password by a reset link",
	 .body = ROUTE_BODY_JSON, .success = 204,
	 .flags = ROUTE_PUBLIC | ROUTE_CLIENT | ROUTE_NO_STORE},

	/* Plans and their items. A plan with 200 topics of 200 escaped characters fits. */
	{.method = "POST", .pattern = "/v1/plans", .actor = "planner", .rpc = "CreatePlan",
	 .summary = "Make a study plan", .body = ROUTE_BODY_JSON, .success = 201,
	 .created = "plan", .accepted = "job", .events = &planner__job_event__descriptor,
	 .flags = ROUTE_KEYED | ROUTE_CANCELS | ROUTE_RATED, .deadline_ms = 115000,
	 .body_limit = (size_t)640 << 10},
	{.method = "GET", .pattern = "/v1/plans", .actor = "planner", .rpc = "ListPlans",
	 .summary = "My plans, without their items", .query = PAGE},
	{.method = "GET", .pattern = "/v1/plans/{id}.ics", .actor = "planner",
	 .rpc = "GetCalendar", .summary = "A plan as a calendar",
	 .answer = ROUTE_ANSWER_CALENDAR},
	{.method = "GET", .pattern = "/v1/plans/{id}", .actor = "planner", .rpc = "GetPlan",
	 .summary = "A plan", .flags = ROUTE_ETAG},
	{.method = "PATCH", .pattern = "/v1/plans/{id}", .actor = "planner", .rpc = "UpdatePlan",
	 .summary = "Change a plan's goal or subject", .body = ROUTE_BODY_JSON,
	 .flags = ROUTE_ETAG},
	{.method = "DELETE", .pattern = "/v1/plans/{id}", .actor = "planner", .rpc = "DeletePlan",
	 .summary = "Delete a plan", .success = 204, .flags = ROUTE_ETAG},
	{.method = "POST", .pattern = "/v1/plans/{id}/replan", .actor = "planner",
	 .rpc = "Replan", .summary = "Move what was missed to the days left",
	 .body = ROUTE_BODY_OPTIONAL},
	{.method = "POST", .pattern = "/v1/plans/{id}/items", .actor = "planner",
	 .rpc = "AddItem", .summary = "Add an item to a plan", .body = ROUTE_BODY_JSON,
	 .success = 201},
	{.method = "GET", .pattern = "/v1/plans/{id}/items/{item_id}", .actor = "planner",
	 .rpc = "GetItem", .summary = "An item", .flags = ROUTE_ETAG},
	{.method = "PATCH", .pattern = "/v1/plans/{id}/items/{item_id}", .actor = "planner",
	 .rpc = "UpdateItem", .summary = "Tick an item, or change it", .body = ROUTE_BODY_JSON,
	 .flags = ROUTE_ETAG},
	{.method = "DELETE", .pattern = "/v1/plans/{id}/items/{item_id}", .actor = "planner",
	 .rpc = "DeleteItem", .summary = "Delete an item", .success = 204, .flags = ROUTE_ETAG},
	{.method = "GET", .pattern = "/v1/items", .actor = "planner", .rpc = "ListItems",
	 .summary = "Items of all my plans", .query = "from to done " PAGE},

	/* Plans on their way. */
	{.method = "GET", .pattern = "/v1/jobs", .actor = "planner", .rpc = "ListJobs",
	 .summary = "My requests for plans, newest first", .query = "status " PAGE},
	{.method = "GET", .pattern = "/v1/jobs/{id}", .actor = "planner", .rpc = "GetJob",
	 .summary = "How far a request for a plan is"},
	{.method = "DELETE", .pattern = "/v1/jobs/{id}", .actor = "planner", .rpc = "CancelJob",
	 .summary = "Cancel a request for a plan", .success = 202, .flags = ROUTE_CONFLICTS},
	{.method = "GET", .pattern = "/v1/jobs/{id}/events", .actor = "planner",
	 .rpc = "FollowJob", .summary = "What happens to a request for a plan",
	 .answer = ROUTE_ANSWER_EVENTS},

	/* History. */
	{.method = "GET", .pattern = "/v1/history", .actor = "history", .rpc = "List",
	 .summary = "What happened, newest first", .query = "type from to subject " PAGE},
	{.method = "POST", .pattern = "/v1/history", .actor = "history", .rpc = "Record",
	 .summary = "Record that I studied", .body = ROUTE_BODY_JSON, .success = 201,
	 .flags = ROUTE_KEYED},
	{.method = "GET", .pattern = "/v1/history/summary", .actor = "history",
	 .rpc = "Summarize",
	 .summary = "Minutes by day and subject; days in a row with activity, which signing in is not",
	 .query = "from to tz"},
	{.method = "PATCH", .pattern = "/v1/history/{id}", .actor = "history", .rpc = "Update",
	 .summary = "Change what I recorded", .body = ROUTE_BODY_JSON},
	{.method = "DELETE", .pattern = "/v1/history/{id}", .actor = "history", .rpc = "Delete",
	 .summary = "Delete what I recorded", .success = 204},

	/* The tutor. */
	{.method = "POST", .pattern = "/v1/voice/turns", .actor = "voice", .rpc = "CreateTurn",
	 .summary = "Say something to the tutor", .query = "conversation_id locale",
	 .body = ROUTE_BODY_AUDIO, .answer = ROUTE_ANSWER_TURN, .success = 201,
	 .flags = ROUTE_KEYED | ROUTE_RATED, .deadline_ms = 30000,
	 .body_limit = (size_t)10 << 20},
	{.method = "GET", .pattern = "/v1/voice/conversations", .actor = "voice",
	 .rpc = "ListConversations", .summary = "My conversations", .query = PAGE},
	{.method = "GET", .pattern = "/v1/voice/conversations/{id}", .actor = "voice",
	 .rpc = "GetConversation", .summary = "A conversation with its turns, without audio, which is not kept"},
	{.method = "DELETE", .pattern = "/v1/voice/conversations/{id}", .actor = "voice",
	 .rpc = "DeleteConversation", .summary = "Delete a conversation", .success = 204},
	/* new-service: routes above */
};
/* clang-format on */
const unsigned route_count = COUNT_OF(routes);
