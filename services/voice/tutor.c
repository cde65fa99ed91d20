/* SPDX-License-Identifier: MIT
 * What the tutor answers, by rules: one function per intent, Korean and English side by side. */
#include "services/voice/tutor.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "common/base/date.h"
#include "common/base/obj.h"

enum {
	TUTOR_LIST_MAX = 4,   /* items that are named; the rest is counted */
	TUTOR_TITLE_MAX = 60, /* code points of a title that are spoken */
};

struct tutor {
	const struct tutor_context *context;
	const struct phrase_match *match;
	struct buf *out;
	bool korean;
};

static void
tutor_say(struct tutor *tutor, const char *english, const char *korean)
{
	buf_puts(tutor->out, tutor->korean ? korean : english);
}

/* At most `points` code points of `text`. */
static void
tutor_say_cut(struct tutor *tutor, const char *text, int points)
{
	const char *at = text;

	while (*at != '\0' && points-- > 0) {
		utf8proc_int32_t point;
		utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)at, -1, &point);
		at += step > 0 ? step : 1;
	}
	buf_append(tutor->out, text, (size_t)(at - text));
}

static void
tutor_say_minutes(struct tutor *tutor, unsigned minutes)
{
	unsigned hours = minutes / 60, rest = minutes % 60;

	if (hours > 0)
		buf_printf(tutor->out,
		           tutor->korean ? "%u시간"
		           : hours == 1  ? "%u hour"
		                         : "%u hours",
		           hours);
	if (hours > 0 && rest > 0)
		tutor_say(tutor, " and ", " ");
	if (hours == 0 || rest > 0)
		buf_printf(tutor->out,
		           tutor->korean ? "%u분"
		           : rest == 1   ? "%u minute"
		                         : "%u minutes",
		           rest);
}

static void
tutor_say_item(struct tutor *tutor, const struct tutor_item *item)
{
	const char *kind = item->kind != NULL ? item->kind : "study";

	tutor_say_cut(tutor, item->title, TUTOR_TITLE_MAX);
	if (strcmp(kind, "review") == 0 && strstr(item->title, "eview") == NULL &&
	    strstr(item->title, "복습") == NULL)
		tutor_say(tutor, " as a review", " 복습");
	if (strcmp(kind, "test") == 0 && strstr(item->title, "est") == NULL &&
	    strstr(item->title, "테스트") == NULL && strstr(item->title, "시험") == NULL)
		tutor_say(tutor, " as a test", " 테스트");
	tutor_say(tutor, " for ", " ");
	tutor_say_minutes(tutor, item->minutes);
}

static size_t
tutor_open_count(const struct tutor_items *list, unsigned *minutes)
{
	size_t open = 0;

	*minutes = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (!list->items[i].done) {
			open++;
			*minutes += list->items[i].minutes;
		}
	}
	return open;
}

/* The items that are not done: "A for 30 minutes, B for 20 minutes, and 3 more". */
static void
tutor_say_list(struct tutor *tutor, const struct tutor_items *list)
{
	unsigned minutes;
	size_t open = tutor_open_count(list, &minutes), named = 0;

	for (size_t i = 0; i < list->count && named < TUTOR_LIST_MAX; i++) {
		if (list->items[i].done)
			continue;
		if (named > 0)
			tutor_say(tutor, named + 1 == open ? " and " : ", ", ", ");
		tutor_say_item(tutor, &list->items[i]);
		named++;
	}
	if (open > named)
		buf_printf(tutor->out, tutor->korean ? " 외 %zu개" : " and %zu more", open - named);
}

static bool
tutor_days_until(const struct tutor *tutor, const char *date, int32_t *day, int *days)
{
	int32_t today;

	if (date == NULL || tutor->context->today == NULL || !date_parse(date, day) ||
	    !date_parse(tutor->context->today, &today))
		return false;
	*days = *day - today;
	return true;
}

static void
tutor_say_day(struct tutor *tutor, const char *date)
{
	static const char *const weekdays[2][7] = {
	    {"on Monday", "on Tuesday", "on Wednesday", "on Thursday", "on Friday", "on Saturday",
	     "on Sunday"},
	    {"월요일", "화요일", "수요일", "목요일", "금요일", "토요일", "일요일"}};
	static const char *const months[] = {"January",   "February", "March",    "April",
	                                     "May",       "June",     "July",     "August",
	                                     "September", "October",  "November", "December"};
	int32_t day;
	int days;

	if (!tutor_days_until(tutor, date, &day, &days)) {
		tutor_say(tutor, "next time", "다음번");
		return;
	}
	int month = atoi(date + 5), number = atoi(date + 8);
	if (days == 0)
		tutor_say(tutor, "today", "오늘");
	else if (days == 1)
		tutor_say(tutor, "tomorrow", "내일");
	else if (days > 1 && days < 7)
		buf_puts(tutor->out, weekdays[tutor->korean][date_weekday(day)]);
	else if (tutor->korean)
		buf_printf(tutor->out, "%d월 %d일", month, number);
	else
		buf_printf(tutor->out, "on %s %d", months[month - 1], number);
}

static void
tutor_late_hint(struct tutor *tutor)
{
	size_t late = tutor->context->late.count;

	if (late == 0)
		return;
	if (tutor->korean)
		buf_printf(tutor->out, " 밀린 항목도 %zu개 있어요.", late);
	else
		buf_printf(tutor->out,
		           late == 1 ? " %zu item from before is still waiting."
		                     : " %zu items from before are still waiting.",
		           late);
}

static void
tutor_next(struct tutor *tutor)
{
	const struct tutor_context *context = tutor->context;

	if (context->next.count == 0) {
		tutor_say(tutor, "Nothing more is planned after today.",
		          "오늘 이후로 예정된 공부가 없어요.");
		return;
	}
	tutor_say(tutor, "Next, ", "다음은 ");
	tutor_say_day(tutor, context->next_date);
	tutor_say(tutor, ", comes ", "에 ");
	tutor_say_list(tutor, &context->next);
	tutor_say(tutor, ".", "입니다.");
}

static void
tutor_today(struct tutor *tutor)
{
	const struct tutor_context *context = tutor->context;
	unsigned minutes;
	size_t open = tutor_open_count(&context->due, &minutes);

	if (context->due.count == 0) {
		tutor_say(tutor, "Nothing is planned for today, so rest or catch up. ",
		          "오늘은 예정된 공부가 없어요. 쉬거나 밀린 공부를 해 보세요. ");
		tutor_next(tutor);
	} else if (open == 0) {
		tutor_say(tutor, "You have done everything for today. Well done! ",
		          "오늘 할 일을 모두 마쳤어요. 정말 잘했어요! ");
		tutor_next(tutor);
	} else {
		tutor_say(tutor, "Today: ", "오늘은 ");
		tutor_say_list(tutor, &context->due);
		tutor_say(tutor, ".", "입니다.");
		if (open > 1) {
			tutor_say(tutor, " That is ", " 모두 ");
			tutor_say_minutes(tutor, minutes);
			tutor_say(tutor, " in all.", "이에요.");
		}
	}
	tutor_late_hint(tutor);
}

static void
tutor_late(struct tutor *tutor)
{
	const struct tutor_items *late = &tutor->context->late;

	if (late->count == 0) {
		tutor_say(tutor, "Nothing is late. You are on schedule.",
		          "밀린 공부가 없어요. 계획대로 잘하고 있어요.");
		return;
	}
	tutor_say(tutor, "Still waiting from before: ", "밀린 공부는 ");
	tutor_say_list(tutor, late);
	tutor_say(tutor, ". You can do one of them today, or move them with replan.",
	          "입니다. 오늘 하나만 해 보거나, 다시 계획하기로 옮길 수 있어요.");
}

/* The first item of the lists that the learner may have meant. */
static const struct tutor_item *
tutor_find(const struct tutor *tutor)
{
	const struct tutor_context *context = tutor->context;
	const struct tutor_items *const lists[] = {&context->due, &context->late, &context->next};
	const struct tutor_item *ticked = NULL;

	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		for (size_t k = 0; k < lists[i]->count; k++) {
			const struct tutor_item *item = &lists[i]->items[k];
			if (!phrases_names(tutor->match, item->title))
				continue;
			if (!item->done)
				return item;
			ticked = ticked != NULL ? ticked : item;
		}
	}
	return ticked;
}

static void
tutor_done(struct tutor *tutor)
{
	const struct tutor_item *item = tutor_find(tutor);

	tutor_say(tutor, "Well done! ", "잘했어요! ");
	if (item != NULL && item->done) {
		tutor_say_cut(tutor, item->title, TUTOR_TITLE_MAX);
		tutor_say(tutor, " is already ticked off.", " 항목은 이미 완료로 표시되어 있어요.");
	} else if (item != NULL) {
		tutor_say(tutor, "I take it you mean ", "");
		tutor_say_cut(tutor, item->title, TUTOR_TITLE_MAX);
		tutor_say(tutor, ". Tick it off in your plan so that it counts.",
		          " 항목을 말씀하시는 것 같아요. 계획에서 완료로 표시해 주세요.");
	} else if (tutor->match->number > 0) {
		if (tutor->korean)
			buf_printf(tutor->out, "그런데 가까운 계획에서 %d번은 찾지 못했어요. ",
			           tutor->match->number);
		else
			buf_printf(tutor->out,
			           "I don't find number %d in your plan for these days. ",
			           tutor->match->number);
		tutor_say(tutor, "If it is planned, tick it off there.",
		          "계획에 있다면 거기에서 완료로 표시해 주세요.");
	} else {
		tutor_say(tutor, "Tick off what you finished in your plan so that it counts.",
		          "끝낸 항목을 계획에서 완료로 표시해 주세요.");
	}
}

static void
tutor_streak(struct tutor *tutor)
{
	unsigned days = tutor->context->streak_days;

	if (days < 2)
		return;
	if (tutor->korean)
		buf_printf(tutor->out, " %u일 연속으로 이어 가고 있어요.", days);
	else
		buf_printf(tutor->out, " You have kept at it for %u days in a row.", days);
}

static void
tutor_progress(struct tutor *tutor)
{
	const struct tutor_context *context = tutor->context;
	unsigned minutes;
	size_t open = tutor_open_count(&context->due, &minutes);

	tutor_say(tutor, "This week you have studied ", "이번 주에 ");
	tutor_say_minutes(tutor, context->minutes_this_week);
	tutor_say(tutor, ".", " 공부했어요.");
	tutor_streak(tutor);
	if (context->due.count > 0 && tutor->korean)
		buf_printf(tutor->out, " 오늘은 %zu개 중 %zu개를 마쳤어요.", context->due.count,
		           context->due.count - open);
	else if (context->due.count > 0)
		buf_printf(tutor->out, " Today %zu of %zu %s done.", context->due.count - open,
		           context->due.count, context->due.count == 1 ? "is" : "are");
	tutor_late_hint(tutor);
}

static void
tutor_exam(struct tutor *tutor)
{
	int32_t day;
	int days;

	if (!tutor_days_until(tutor, tutor->context->exam_date, &day, &days)) {
		tutor_say(tutor, "Your plan has no exam date.", "계획에 시험 날짜가 없어요.");
		return;
	}
	if (days < 0) {
		tutor_say(tutor, "Your exam is over. I hope it went well!",
		          "시험이 끝났네요. 좋은 결과가 있기를 바라요!");
		return;
	}
	if (days == 0) {
		tutor_say(tutor, "Your exam is today. Good luck!",
		          "시험이 오늘이에요. 행운을 빌어요!");
		return;
	}
	if (tutor->korean)
		buf_printf(tutor->out, "시험까지 %d일 남았어요.", days);
	else
		buf_printf(tutor->out,
		           days == 1 ? "Your exam is in %d day." : "Your exam is in %d days.",
		           days);
	tutor_late_hint(tutor);
}

static void
tutor_tired(struct tutor *tutor)
{
	const struct tutor_items *due = &tutor->context->due;
	const struct tutor_item *least = NULL;

	tutor_say(tutor, "That is all right. Take a short break.", "괜찮아요. 잠깐 쉬어도 돼요.");
	tutor_streak(tutor);
	for (size_t i = 0; i < due->count; i++) {
		if (!due->items[i].done &&
		    (least == NULL || due->items[i].minutes < least->minutes))
			least = &due->items[i];
	}
	if (least == NULL)
		return;
	tutor_say(tutor, " Then try just ", " 그다음에 ");
	tutor_say_item(tutor, least);
	tutor_say(tutor, ". Small steps count too.", "만 해 봐요. 작은 걸음도 쌓여요.");
}

static void
tutor_hint(struct tutor *tutor)
{
	tutor_say(
	    tutor,
	    "You can ask: what should I study today, what is late, what is next, how long until "
	    "my exam, or say: I finished chapter five.",
	    "이렇게 물어보세요. 오늘 뭐 공부해야 해? 밀린 거 있어? 다음은 뭐야? 시험까지 며칠 "
	    "남았어? "
	    "또는 5단원 끝냈어, 라고 말해 주세요.");
}

static void
tutor_greeting(struct tutor *tutor)
{
	const char *name = tutor->context->name;

	tutor_say(tutor, "Hello", "안녕하세요");
	if (name != NULL && name[0] != '\0') {
		buf_puts(tutor->out, ", ");
		tutor_say_cut(tutor, name, TUTOR_TITLE_MAX);
		tutor_say(tutor, "", " 님");
	}
	tutor_say(tutor, "! ", "! ");
	tutor_today(tutor);
}

static void
tutor_repeat(struct tutor *tutor)
{
	const char *last = tutor->context->last_reply;

	if (last != NULL && last[0] != '\0') {
		buf_puts(tutor->out, last);
		return;
	}
	tutor_say(tutor, "I have not said anything yet. ", "아직 드린 말씀이 없어요. ");
	tutor_hint(tutor);
}

static void
tutor_thanks(struct tutor *tutor)
{
	tutor_say(tutor, "You are welcome. Good luck with your studies!",
	          "천만에요. 오늘 공부도 응원할게요!");
}

static void
tutor_unknown(struct tutor *tutor)
{
	tutor_say(tutor, "Sorry, I did not understand that. ", "죄송해요, 잘 이해하지 못했어요. ");
	tutor_hint(tutor);
}

void
tutor_reply(const struct tutor_context *context, const struct phrase_match *match, struct buf *out)
{
	static void (*const replies[PHRASE_INTENT_COUNT])(struct tutor * tutor) = {
	    [PHRASE_UNKNOWN] = tutor_unknown, [PHRASE_TODAY] = tutor_today,
	    [PHRASE_LATE] = tutor_late,       [PHRASE_NEXT] = tutor_next,
	    [PHRASE_DONE] = tutor_done,       [PHRASE_PROGRESS] = tutor_progress,
	    [PHRASE_EXAM] = tutor_exam,       [PHRASE_TIRED] = tutor_tired,
	    [PHRASE_REPEAT] = tutor_repeat,   [PHRASE_HELP] = tutor_hint,
	    [PHRASE_THANKS] = tutor_thanks,   [PHRASE_GREETING] = tutor_greeting,
	};
	struct tutor tutor = {.context = context, .match = match, .out = out};
	size_t start = out->length;

	assert(match->intent < PHRASE_INTENT_COUNT);
	tutor.korean = context->locale != NULL && strcmp(context->locale, "ko") == 0;
	replies[match->intent](&tutor);
	if (buf_failed(out) || out->length - start <= TUTOR_REPLY_MAX)
		return;
	/* Only an enormous last_reply or titles get here: cut at a character. */
	size_t end = start + TUTOR_REPLY_MAX;
	while (((unsigned char)out->bytes[end] & 0xc0) == 0x80)
		end--;
	out->length = end;
	out->bytes[end] = '\0';
}
