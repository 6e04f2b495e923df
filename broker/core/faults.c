/* See faults.h. */
#include "broker/core/faults.h"

#include <stdbool.h>
#include <stdio.h>

void core_faults_add(struct core_faults *faults, uint32_t partition, uint64_t offset)
{
    core_faults_join(faults, &(struct core_faults){1, offset, partition});
}

void core_faults_join(struct core_faults *faults, const struct core_faults *others)
{
    bool is_first = faults->count == 0 || others->partition < faults->partition ||
                    (others->partition == faults->partition && others->offset < faults->offset);
    if (others->count > 0 && is_first) {
        faults->partition = others->partition;
        faults->offset = others->offset;
    }
    faults->count += others->count;
}

void core_faults_put(const struct core_faults *faults, char out[CORE_FAULTS_BYTES])
{
    bool is_one = faults->count == 1;
    if (faults->count == 0) {
        out[0] = '\0';
        return;
    }
    (void)snprintf(
        out, CORE_FAULTS_BYTES, "%llu value%s or row%s failed, %s partition %u, offset %llu",
        (unsigned long long)faults->count, is_one ? "" : "s", is_one ? "" : "s",
        is_one ? "at" : "the first at", faults->partition, (unsigned long long)faults->offset);
}

void core_faults_why(const struct core_faults *faults, const char *why, char *out, size_t out_bytes)
{
    char text[CORE_FAULTS_BYTES];
    core_faults_put(faults, text);
    (void)snprintf(out, out_bytes, "%s%s%s", why, why[0] != '\0' && text[0] != '\0' ? "; " : "",
                   text);
}
