/* SPDX-License-Identifier: MIT
 * What Google's and OpenAI's speech services are asked, to the byte, and what each answer of theirs
 * means: words, nothing understood, or a fault. */
#include "tests/unit/http_fixture.h"
#include "tests/unit/task_fixture.h"

#include "common/base/json.h"
#include "common/io/fetch.h"
#include "services/voice/clip.h"
#include "services/voice/engines/cloud.h"
#include "services/voice/share.h"

static struct worker *asker;
static struct fixture *server;
static char url[64];

/* What the server says, and what it was asked last. */
static const char *canned;
static char asked_path[64], asked_key[64], asked_type[100], asked_mark[64], asked_body[4096];
static size_t asked_length;

static void
copy_header(const struct http_request *request, const char *name, char *out, size_t size)
{
	const char *value = http_request_header(request, name);

	snprintf(out, size, "%s", value != NULL ? value : "");
}

static void
canned_handler(struct http_request *request, void *arg)
{
	const char *body = http_request_body(request, &asked_length);

	(void)arg;
	assert(asked_length < sizeof asked_body);
	memcpy(asked_body, body, asked_length + 1);
	snprintf(asked_path, sizeof asked_path, "%s", http_request_target(request)->path);
	copy_header(request, "content-type", asked_type, sizeof asked_type);
	copy_header(request, "idempotency-key", asked_mark, sizeof asked_mark);
	copy_header(request, "x-goog-api-key", asked_key, sizeof asked_key);
	if (asked_key[0] == '\0')
		copy_header(request, "authorization", asked_key, sizeof asked_key);
	http_reply(request, 200, NULL, 0, canned, strlen(canned));
}

/* --- one question ---------------------------------------------------------------------------- */

struct question {
	const struct cloud_dialect *dialect;
	const struct clip *clip; /* NULL: speak */
	const char *locale;
	enum cloud_format format;
	enum status status;
	enum ai_fault fault;
	char text[200]; /* "-": nothing was understood */
};

static void
question_task(void *arg)
{
	static const struct cloud_choice choice = {"model-1", "voice-1"};
	struct question *question = arg;
	struct provider_options options = {.name = "test",
	                                   .base_url = url,
	                                   .keys = "key-1",
	                                   .key_header = question->dialect->key_header,
	                                   .concurrency = 10,
	                                   .attempts = 1};
	struct share share = {clock_ms() + 20000, 0};
	struct provider_turns turns = {0};
	struct cloud_ask ask = {.choice = &choice,
	                        .locale = question->locale,
	                        .share = &share,
	                        .mark = "turn-1:stt",
	                        .turns = &turns};
	struct cloud_sound sound;
	const char *text = NULL;
	char error[200];

	ask.provider = provider_new(&options, error, sizeof error);
	assert(ask.provider != NULL);
	if (question->clip != NULL)
		question->status = question->dialect->listen(&ask, question->clip, &text);
	else
		question->status =
		    question->dialect->speak(&ask, "say \"it\"", question->format, &sound);
	question->fault = turns.fault;
	snprintf(question->text, sizeof question->text, "%s", text != NULL ? text : "-");
	provider_free(&ask.provider);
}

static const uint8_t samples[] = {1, 0, 2, 0, 0xff, 0x7f};
static const struct clip clip = {
    .media = CLIP_WAV, .samples = samples, .samples_length = sizeof samples, .rate = 22050};

static struct question
ask_of(const struct cloud_dialect *dialect, const struct clip *heard, const char *answer)
{
	struct question question = {.dialect = dialect, .clip = heard, .locale = "ko"};

	canned = answer;
	run_task_until(asker, clock_ms() + 30000, question_task, &question);
	return question;
}

static void
expect_heard(const struct cloud_dialect *dialect, const char *answer, const char *text)
{
	struct question question = ask_of(dialect, &clip, answer);

	if (text == NULL) {
		assert_int_equal(question.status, STATUS_DEPENDENCY_DOWN);
		assert_int_equal(question.fault, AI_FAULT_MALFORMED);
	} else {
		assert_int_equal(question.status, STATUS_OK);
		assert_string_equal(question.text, text);
	}
}

/* --- Google ---------------------------------------------------------------------------------- */

static void
test_google_listens(void **state)
{
	static const struct clip ogg = {.media = "audio/ogg", .bytes = "Ogg", .length = 3};

	(void)state;
	expect_heard(&cloud_google,
	             "{\"results\":[{\"alternatives\":[{\"transcript\":\"오늘\",\"confidence\":1},"
	             "{\"transcript\":\"no\"}]},{\"alternatives\":[{\"transcript\":\" 뭐 해\"}]}]}",
	             "오늘 뭐 해");
	assert_string_equal(asked_path, "/v1/speech:recognize");
	assert_string_equal(asked_key, "key-1");
	assert_string_equal(asked_type, "application/json");
	assert_string_equal(asked_mark, "turn-1:stt:0");
	assert_string_equal(asked_body,
	                    "{\"config\":{\"encoding\":\"LINEAR16\",\"sampleRateHertz\":22050,"
	                    "\"languageCode\":\"ko-KR\",\"enableAutomaticPunctuation\":true},"
	                    "\"audio\":{\"content\":\"AQACAP9/\"}}");
	(void)ask_of(&cloud_google, &ogg, "{}");
	assert_non_null(strstr(asked_body, "\"OGG_OPUS\",\"sampleRateHertz\":48000"));
	assert_non_null(strstr(asked_body, "\"content\":\"T2dn\""));
}

static void
test_google_understands_nothing_or_fails(void **state)
{
	(void)state;
	expect_heard(&cloud_google, "{\"totalBilledTime\":\"1s\"}", "-");
	expect_heard(&cloud_google, "{\"results\":[]}", "-");
	expect_heard(&cloud_google, "{\"results\":[{}]}", NULL);
	expect_heard(&cloud_google, "{\"results\":[{\"alternatives\":[]}]}", NULL);
	expect_heard(&cloud_google, "{\"results\":[{\"alternatives\":[{\"transcript\":\"\"}]}]}",
	             NULL);
	expect_heard(&cloud_google, "{\"results\":[{\"alternatives\":[{\"transcript\":7}]}]}",
	             NULL);
	expect_heard(&cloud_google, "{\"results\":\"none\"}", NULL);
	expect_heard(&cloud_google, "[]", NULL);
	expect_heard(&cloud_google, "<html>", NULL);
	expect_heard(&cloud_google, "", NULL);
}

static void
test_google_speaks(void **state)
{
	/* ID3 and two bytes more, in one line, in two, and with an escape; then what is no base64,
	 * no MP3, and nothing. */
	static const char *const right[] = {"{\"audioContent\":\"SUQzBAA=\"}",
	                                    "{\"audioContent\":\"SUQz\\r\\nBAA=\\n\"}",
	                                    "{\"audioContent\":\"SUQzB\\u0041A=\"}"};
	static const char *const wrong[] = {"{\"audioContent\":\"SUQz*\"}",
	                                    "{\"audioContent\":\"AAAAAAAA\"}",
	                                    "{\"audioContent\":\"\"}", "{}", "x"};
	struct question question = {.dialect = &cloud_google, .locale = "en", .format = CLOUD_MP3};

	(void)state;
	canned = "{\"audioContent\":\"SUQzBAA=\"}";
	run_task_until(asker, clock_ms() + 30000, question_task, &question);
	assert_int_equal(question.status, STATUS_OK);
	assert_string_equal(asked_path, "/v1/text:synthesize");
	assert_string_equal(asked_body,
	                    "{\"input\":{\"text\":\"say \\\"it\\\"\"},\"voice\":{\"languageCode\":"
	                    "\"en-US\",\"name\":\"voice-1\"},\"audioConfig\":{\"audioEncoding\":"
	                    "\"MP3\",\"sampleRateHertz\":24000}}");
	for (size_t i = 0; i < COUNT_OF(right); i++) {
		canned = right[i];
		run_task_until(asker, clock_ms() + 30000, question_task, &question);
		assert_int_equal(question.status, STATUS_OK);
	}
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		canned = wrong[i];
		run_task_until(asker, clock_ms() + 30000, question_task, &question);
		assert_int_equal(question.fault, AI_FAULT_MALFORMED);
	}
}

/* --- OpenAI ---------------------------------------------------------------------------------- */

static void
test_openai_listens(void **state)
{
	const char *boundary, *file;

	(void)state;
	expect_heard(&cloud_openai, "{\"text\":\" 오늘 뭐 해\"}", "오늘 뭐 해");
	assert_string_equal(asked_path, "/v1/audio/transcriptions");
	assert_string_equal(asked_key, "Bearer key-1");
	boundary = strstr(asked_type, "multipart/form-data; boundary=");
	assert_ptr_equal(boundary, asked_type);
	boundary += strlen("multipart/form-data; boundary=");
	assert_memory_equal(asked_body + 2, boundary, strlen(boundary));
	assert_non_null(strstr(asked_body, "name=\"model\"\r\n\r\nmodel-1\r\n--"));
	assert_non_null(strstr(asked_body, "name=\"language\"\r\n\r\nko\r\n--"));
	file = strstr(asked_body, "audio/wav\r\n\r\nRIFF");
	assert_non_null(file);
	file += strlen("audio/wav\r\n\r\n") + WAV_HEADER_SIZE;
	assert_memory_equal(file, samples, sizeof samples);
	assert_memory_equal(file + sizeof samples, "\r\n--", 4);
	assert_memory_equal(asked_body + asked_length - 4, "--\r\n", 4);
	expect_heard(&cloud_openai, "{\"text\":\"\"}", "-");
	expect_heard(&cloud_openai, "{\"text\":\" \\n\"}", "-");
	expect_heard(&cloud_openai, "{\"transcript\":\"a\"}", NULL);
	expect_heard(&cloud_openai, "{\"text\":[]}", NULL);
	expect_heard(&cloud_openai, "a", NULL);
}

static void
test_openai_speaks(void **state)
{
	struct question question = {.dialect = &cloud_openai, .locale = "en", .format = CLOUD_MP3};

	(void)state;
	canned = "ID3....";
	run_task_until(asker, clock_ms() + 30000, question_task, &question);
	assert_int_equal(question.status, STATUS_OK);
	assert_string_equal(asked_body, "{\"model\":\"model-1\",\"voice\":\"voice-1\",\"input\":"
	                                "\"say \\\"it\\\"\",\"response_format\":\"mp3\"}");
	canned = "{\"error\":\"no\"}";
	run_task_until(asker, clock_ms() + 30000, question_task, &question);
	assert_int_equal(question.fault, AI_FAULT_MALFORMED);
	assert_true(cloud_google.takes("audio/webm") && !cloud_openai.takes("audio/webm"));
}

/* --- set-up ---------------------------------------------------------------------------------- */

static void
attach_task(void *arg)
{
	(void)arg;
	assert(fetch_attach() == STATUS_OK);
}

static void
detach_task(void *arg)
{
	(void)arg;
	fetch_detach();
}

static int
set_up(void **state)
{
	(void)state;
	asker = fixture_worker("asker");
	run_task(asker, attach_task, NULL);
	server = fixture_make();
	server->options.handler_fn = canned_handler;
	server->options.head_fn = NULL;
	fixture_start(server);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", server->port);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	run_task(asker, detach_task, NULL);
	fixture_end(asker);
	fixture_stop(server);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_google_listens),
	    cmocka_unit_test(test_google_understands_nothing_or_fails),
	    cmocka_unit_test(test_google_speaks),
	    cmocka_unit_test(test_openai_listens),
	    cmocka_unit_test(test_openai_speaks),
	};

	return cmocka_run_group_tests_name("cloud", tests, set_up, tear_down);
}
