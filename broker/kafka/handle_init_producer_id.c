/* InitProducerId: an id and epoch 0 for an idempotent producer. One that names the id and epoch it
 * has (from version 3 on) is given another id, as in Kafka (TransactionCoordinator.
 * handleInitProducerId): epochs of producers without transactions are raised by the clients
 * themselves. Transactions are not served yet and are refused. */
#include "base/diag.h"
#include "broker/core/core.h"
#include "broker/core/producer_ids.h"
#include "broker/kafka/errors.h"
#include "broker/kafka/handlers.h"

/* Of one request. */
struct kafka_init_producer_id {
    struct kafka_request *request; /* whose */
    struct core_producer_id wish;  /* for an id */
};

static enum kafka_error kafka_init_producer_id_check(struct kafka_request *request);
static void kafka_init_producer_id_done(struct core_producer_id *wish);
static void kafka_init_producer_id_answer(struct kafka_request *request, enum kafka_error error,
                                          int64_t id);

void kafka_handle_init_producer_id(struct kafka_request *request)
{
    enum kafka_error error = kafka_init_producer_id_check(request);
    if (error != KAFKA_NONE) {
        kafka_init_producer_id_answer(request, error, -1);
        return;
    }
    struct kafka_init_producer_id *state = kafka_request_alloc(request, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->request = request;
    state->wish = (struct core_producer_id){.done = kafka_init_producer_id_done, .ctx = state};
    core_producer_id_start(request->conn->door->cs, &state->wish);
}

static enum kafka_error kafka_init_producer_id_check(struct kafka_request *request)
{
    const struct kafka_init_producer_id_request *body = request->body;
    struct kafka_string client = request->header.client_id;
    if (body->transactional_id.length == 0 ||
        (body->producer_id == -1) != (body->producer_epoch == -1)) {
        return KAFKA_INVALID_REQUEST;
    }
    if (body->transactional_id.length == KAFKA_NULL) {
        return KAFKA_NONE;
    }
    DIAG_WARN(request->conn->door->diag, "kafka", "refused: not served yet",
              DIAG_STRING("wanted", "transactions are not served yet; producers without a "
                                    "transactional id work, idempotent ones too"),
              DIAG_TEXT("transactional id", body->transactional_id.data,
                        (size_t)body->transactional_id.length),
              DIAG_TEXT("client", client.data != NULL ? client.data : "",
                        client.length > 0 ? (size_t)client.length : 0));
    return KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

/* Whatever hinders it passes or is repaired: COORDINATOR_LOAD_IN_PROGRESS is what makes every
 * client ask again, where other codes end its producer. */
static void kafka_init_producer_id_done(struct core_producer_id *wish)
{
    struct kafka_init_producer_id *state = wish->ctx;
    bool is_fine = wish->code == CORE_OK;
    kafka_init_producer_id_answer(state->request,
                                  is_fine ? KAFKA_NONE : KAFKA_COORDINATOR_LOAD_IN_PROGRESS,
                                  is_fine ? wish->id : -1);
}

static void kafka_init_producer_id_answer(struct kafka_request *request, enum kafka_error error,
                                          int64_t id)
{
    struct kafka_init_producer_id_response response;
    kafka_reset(&kafka_struct_init_producer_id_response, &response);
    response.error_code = (int16_t)error;
    response.producer_id = id;
    response.producer_epoch = error == KAFKA_NONE ? 0 : -1;
    kafka_request_answer(request, &response);
}
