/* SPDX-License-Identifier: MIT
 *
 * The gateway's settings, from the environment into struct gateway.
 */
#ifndef STUDYHALL_GATEWAY_SETTINGS_H
#define STUDYHALL_GATEWAY_SETTINGS_H

struct gateway;
struct process_settings;

/* Loads and checks all settings, makes what follows from them (the list of proxies, the cookie's
 * name), and reads the web app's files. 0; or -1 after one line on stderr that names what is wrong.
 * Once, before there are threads. */
int settings_load(struct gateway *gateway, struct process_settings *common);
/* Prints them as .env.example shows them. */
void settings_print(void);
/* "STUDY_GROUP_URL" of "study-group". */
#define SETTINGS_NAME 64
void settings_url_name(const char *actor, char out[SETTINGS_NAME]);
/* Frees what settings_load() made. */
void settings_free(struct gateway *gateway);

#endif
