/* See client_edit.h. Ctrl-C is a key here, not a signal, while a line is typed: the terminal sends
 * none then, so no handler and no global are needed. */
#include "broker/cli/client_edit.h"

#include <histedit.h>
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"

static char *client_edit_prompt(EditLine *el);
static unsigned char client_edit_abandon(EditLine *el, int key);
static void client_edit_path(struct client_edit *edit);
static void client_edit_folders(char *path);

enum err client_edit_open(struct client_edit *edit, FILE *in, FILE *out, FILE *err)
{
    HistEvent event;
    setlocale(LC_CTYPE, "C.UTF-8"); /* what is typed is UTF-8, whatever the environment says */
    edit->el = el_init("tdb", in, out, err);
    edit->history = history_init();
    if (edit->el == NULL || edit->history == NULL) {
        client_edit_close(edit);
        return ERR_SYSTEM;
    }
    client_edit_path(edit);
    history(edit->history, &event, H_SETSIZE, CLIENT_EDIT_HISTORY_MAX);
    history(edit->history, &event, H_SETUNIQUE, 1);
    if (edit->path[0] != '\0') {
        history(edit->history, &event, H_LOAD, edit->path); /* -1: there is none yet */
    }
    el_set(edit->el, EL_CLIENTDATA, edit);
    el_set(edit->el, EL_PROMPT, client_edit_prompt);
    el_set(edit->el, EL_EDITOR, "emacs");
    el_set(edit->el, EL_HIST, history, edit->history);
    el_set(edit->el, EL_SETTY, "-d", "-isig", NULL);
    /* Names of this form are kept as they are: those of el_set would be copied, and lost. */
    el_wset(edit->el, EL_ADDFN, L"abandon", L"Give the line up", client_edit_abandon);
    el_set(edit->el, EL_BIND, "^C", "abandon", NULL);
    el_set(edit->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    return ERR_OK;
}

enum err client_edit_line(struct client_edit *edit, const char *prompt, const char **text,
                          size_t *length)
{
    HistEvent event;
    int count = 0;
    edit->prompt = prompt;
    edit->is_abandoned = false;
    *text = el_gets(edit->el, &count);
    if (edit->is_abandoned) {
        return ERR_CANCELED;
    }
    if (*text == NULL || count <= 0) {
        return ERR_END;
    }
    *length = (size_t)count;
    if (**text != '\n') {
        history(edit->history, &event, H_ENTER, *text);
    }
    return ERR_OK;
}

void client_edit_close(struct client_edit *edit)
{
    HistEvent event;
    if (edit->el != NULL) {
        el_end(edit->el);
    }
    if (edit->history != NULL) {
        if (edit->path[0] != '\0') {
            client_edit_folders(edit->path);
            mode_t kept = umask(077);
            history(edit->history, &event, H_SAVE, edit->path);
            umask(kept);
        }
        history_end(edit->history);
    }
    edit->el = edit->history = NULL;
}

/* libedit's. */
static char *client_edit_prompt(EditLine *el)
{
    struct client_edit *edit = NULL;
    el_get(el, EL_CLIENTDATA, &edit);
    return (char *)(uintptr_t)edit->prompt;
}

/* libedit's: Ctrl-C was typed. */
static unsigned char client_edit_abandon(EditLine *el, int key)
{
    struct client_edit *edit = NULL;
    (void)key;
    el_get(el, EL_CLIENTDATA, &edit);
    edit->is_abandoned = true;
    return CC_NEWLINE;
}

static void client_edit_path(struct client_edit *edit)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    bool has_state = state != NULL && state[0] == '/';
    int written = 0;
    if (has_state) {
        written = snprintf(edit->path, sizeof(edit->path), "%s/tdb/sql_history", state);
    } else if (home != NULL && home[0] == '/') {
        written = snprintf(edit->path, sizeof(edit->path), "%s/.local/state/tdb/sql_history", home);
    }
    if (written < 0 || (size_t)written >= sizeof(edit->path)) {
        edit->path[0] = '\0';
    }
}

/* Make the folders that lead to the file, as far as they are missing. */
static void client_edit_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}
