/* The contract of op.h, file.h, sock.h and worker.h, sentence by sentence, on whichever backend the
 * program was started for. One table of tests per file, each ended by an empty row. */
#ifndef TESTS_UNIT_RT_CONTRACT_H
#define TESTS_UNIT_RT_CONTRACT_H

#include "tests/support/cmocka.h"
#include "tests/support/rt_harness.h"

extern const struct rt_harness_test contract_op_tests[];
extern const struct rt_harness_test contract_job_tests[];
extern const struct rt_harness_test contract_file_tests[];
extern const struct rt_harness_test contract_disk_tests[];
extern const struct rt_harness_test contract_path_tests[];
extern const struct rt_harness_test contract_mail_tests[];
extern const struct rt_harness_test contract_sock_tests[];
extern const struct rt_harness_test contract_into_tests[];
extern const struct rt_harness_test contract_flow_tests[];

#endif
