/* Names of relations: which a statement reads, and which are its own. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "views/sql/bind_int.h"

/* Places of the table that finds a name again: twice the references, a power of two. */
#define REFERENCES_SLOTS_MIN 16u

/* References being gathered. */
struct references {
    struct arena *arena;
    struct sql_reference *items;
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots; /* 1 + an item, 0: empty */
    uint32_t slots_count;
    const struct bind_cte *ctes; /* that are no references */
};

static enum err references_select(struct references *r, const struct sql_select *select);
static enum err references_add(struct references *r, const struct sql_names *names);
static enum err references_grow(struct references *r);
static uint32_t *references_slot(const struct references *r, const struct sql_reference *reference);
static bool references_is_same(const struct sql_name *a, const struct sql_name *b);

enum err sql_references(const struct sql_select *select, struct arena *arena,
                        struct sql_reference **out, uint32_t *count)
{
    struct references r = {.arena = arena};
    enum err err = references_grow(&r);
    err = err == ERR_OK ? references_select(&r, select) : err;
    *out = r.items;
    *count = r.count;
    return err;
}

/* As bind_select: names of WITH are those before and around. */
static enum err references_select(struct references *r, const struct sql_select *select)
{
    const struct bind_cte *outer = r->ctes;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < select->ctes_count && err == ERR_OK; i++) {
        const struct sql_cte *cte = &select->ctes[i];
        err = references_select(r, cte->select);
        struct bind_cte *own = arena_alloc(r->arena, sizeof(*own), _Alignof(struct bind_cte));
        if (own == NULL) {
            return r->arena->err;
        }
        *own = (struct bind_cte){&cte->name, bind_hash(cte->name.text), NULL, r->ctes};
        r->ctes = own;
    }
    if (err == ERR_OK && select->from != NULL) {
        err = select->from->kind == SQL_FROM_SELECT ? references_select(r, select->from->select)
                                                    : references_add(r, &select->from->table);
    }
    r->ctes = outer;
    return err;
}

static enum err references_add(struct references *r, const struct sql_names *names)
{
    struct sql_reference reference = {.name = names->items[names->count - 1]};
    if (names->count > 1) {
        reference.schema = names->items[names->count - 2];
    } else if (bind_cte_find(r->ctes, &reference.name) != NULL) {
        return ERR_OK;
    }
    if (r->count == r->capacity) {
        enum err err = references_grow(r);
        if (err != ERR_OK) {
            return err;
        }
    }
    uint32_t *slot = references_slot(r, &reference);
    if (*slot == 0) {
        r->items[r->count++] = reference;
        *slot = r->count;
    }
    return ERR_OK;
}

static enum err references_grow(struct references *r)
{
    uint32_t capacity = r->capacity == 0 ? REFERENCES_SLOTS_MIN / 2 : 2 * r->capacity;
    struct sql_reference *items =
        arena_alloc(r->arena, capacity * sizeof(*items), _Alignof(struct sql_reference));
    uint32_t *slots =
        arena_alloc_zeroed(r->arena, 2 * capacity * sizeof(*slots), _Alignof(uint32_t));
    if (items == NULL || slots == NULL) {
        return r->arena->err;
    }
    if (r->count > 0) {
        memcpy(items, r->items, r->count * sizeof(*items));
    }
    r->items = items;
    r->capacity = capacity;
    r->slots = slots;
    r->slots_count = 2 * capacity;
    for (uint32_t i = 0; i < r->count; i++) {
        *references_slot(r, &items[i]) = i + 1;
    }
    return ERR_OK;
}

/* Where it stands, or an empty place for it. */
static uint32_t *references_slot(const struct references *r, const struct sql_reference *reference)
{
    uint64_t hash = hash64(reference->name.text, reference->name.length, 0);
    for (uint32_t i = (uint32_t)hash & (r->slots_count - 1);; i = (i + 1) & (r->slots_count - 1)) {
        uint32_t *slot = &r->slots[i];
        if (*slot == 0 || (references_is_same(&r->items[*slot - 1].name, &reference->name) &&
                           references_is_same(&r->items[*slot - 1].schema, &reference->schema))) {
            return slot;
        }
    }
}

static bool references_is_same(const struct sql_name *a, const struct sql_name *b)
{
    if (a->text == NULL || b->text == NULL) {
        return a->text == b->text;
    }
    return a->is_quoted == b->is_quoted && strcmp(a->text, b->text) == 0;
}

bool bind_is_name(const struct sql_name *written, const char *name)
{
    return written->is_quoted ? strcmp(written->text, name) == 0
                              : bind_is_same(written->text, name);
}

/* Without case, of ASCII letters. */
bool bind_is_same(const char *a, const char *b)
{
    for (;; a++, b++) {
        unsigned char x = (unsigned char)*a, y = (unsigned char)*b;
        if (x != y) {
            x = x >= 'A' && x <= 'Z' ? (unsigned char)(x + 32) : x;
            y = y >= 'A' && y <= 'Z' ? (unsigned char)(y + 32) : y;
            if (x != y) {
                return false;
            }
        }
        if (x == '\0') {
            return true;
        }
    }
}

/* FNV-1a of the name in lower case. */
uint32_t bind_hash(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;
        c = c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
        hash = (hash ^ c) * 16777619u;
    }
    return hash;
}

/* The nearest one. */
const struct bind_cte *bind_cte_find(const struct bind_cte *ctes, const struct sql_name *name)
{
    uint32_t hash = bind_hash(name->text);
    for (const struct bind_cte *cte = ctes; cte != NULL; cte = cte->outer) {
        if (cte->hash == hash && bind_is_name(name, cte->name->text)) {
            return cte;
        }
    }
    return NULL;
}
