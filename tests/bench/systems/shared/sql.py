"""The statements of all Python systems, on the very tables that Studyhall's services have (see
services/*/schema/*.sql)."""
INSERT_ACCOUNT = ("INSERT INTO account (id, email, email_folded, locale, time_zone, password, "
                  "created_at) VALUES (%s, %s, %s, 'ko', 'Asia/Seoul', %s, %s)")
SELECT_ACCOUNT = "SELECT id, password FROM account WHERE email_folded = %s AND disabled_at IS NULL"
INSERT_SESSION = ("INSERT INTO session (id, user_id, token_digest, created_at, last_seen_at, "
                  "expires_at) VALUES (%s, %s, %s, %s, %s, %s)")
SELECT_SESSION = "SELECT user_id FROM session WHERE token_digest = %s AND expires_at > %s"
INSERT_EVENT = ("INSERT INTO event (user_id, at_ms, id, version, type, subject, minutes, note, ref) "
                "VALUES (%s, %s, %s, 1, %s, %s, %s, %s, %s)")
SELECT_EVENTS = ("SELECT id, type, at_ms, subject, minutes, note, ref FROM event "
                 "WHERE user_id = %s AND at_ms > 0 ORDER BY at_ms DESC, id DESC LIMIT %s")
INSERT_PLAN = ("INSERT INTO plan (id, user_id, version, created_at, start_day, end_day, head) "
               "VALUES (%s, %s, 1, %s, %s, %s, %s)")
INSERT_ITEM = ("INSERT INTO item (plan_id, id, user_id, version, day, title, minutes, kind, "
               "changed_at, first_topic, topic_count) VALUES (%s, %s, %s, 1, %s, %s, %s, %s, %s, 0, 0)")
SELECT_PLAN = "SELECT head, created_at FROM plan WHERE id = %s AND user_id = %s"
SELECT_ITEMS = "SELECT id, day, title, minutes, kind FROM item WHERE plan_id = %s ORDER BY day, id"
SELECT_CONVERSATION = ("SELECT id FROM conversation WHERE user_id = %s "
                       "ORDER BY updated_at DESC LIMIT 1")
INSERT_CONVERSATION = ("INSERT INTO conversation (id, user_id, title, created_at, updated_at, turns) "
                       "VALUES (%s, %s, %s, %s, %s, 1)")
UPDATE_CONVERSATION = "UPDATE conversation SET updated_at = %s, turns = turns + 1 WHERE id = %s"
INSERT_TURN = ("INSERT INTO turn (conversation_id, id, transcript, reply, stt, chat, tts, created_at) "
               "VALUES (%s, %s, %s, %s, 'google', 'openai', 'google', %s)")
