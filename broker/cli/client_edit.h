/* Lines that a person types, with editing and history, behind one door: only client_edit.c includes
 * libedit's header. It allocates for itself.
 *
 * History is kept from one run to the next in a file of the user's state (XDG_STATE_HOME, else
 * ~/.local/state): tdb/sql_history, readable by nobody else. Without a home there is none. */
#ifndef BROKER_CLI_CLIENT_EDIT_H
#define BROKER_CLI_CLIENT_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/err.h"

/* Lines that are kept. */
#define CLIENT_EDIT_HISTORY_MAX 1000

/* The longest path of the file. */
#define CLIENT_EDIT_PATH_BYTES 4096

/* A terminal. Zeroed before client_edit_open. */
struct client_edit {
    void *el;                          /* libedit's; NULL: not open */
    void *history;                     /* likewise */
    const char *prompt;                /* of the line being typed */
    bool is_abandoned;                 /* it ended by Ctrl-C */
    char path[CLIENT_EDIT_PATH_BYTES]; /* of the history; "": it is not kept */
};

/* Begin. ERR_SYSTEM: the terminal cannot be driven. */
MUST_USE enum err client_edit_open(struct client_edit *edit, FILE *in, FILE *out, FILE *err);

/* *text = a line with its end, *length its bytes; it lives until the next call. ERR_END: Ctrl-D in
 * an empty line; ERR_CANCELED: Ctrl-C. Blocks until then. */
MUST_USE enum err client_edit_line(struct client_edit *edit, const char *prompt, const char **text,
                                   size_t *length);

/* Keep history, give the terminal back. Nothing when it is not open. */
void client_edit_close(struct client_edit *edit);

#endif
