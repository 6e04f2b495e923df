/* The runtime's contract on one backend: rt_contract uring|epoll. See contract.h. */
#include "tests/unit/rt/contract.h"

int main(int argc, char **argv)
{
    const struct rt_harness_test *const lists[] = {
        contract_op_tests,   contract_job_tests,
        contract_file_tests, contract_disk_tests,
        contract_path_tests, contract_sock_tests,
        contract_into_tests, contract_flow_tests,
        contract_mail_tests, NULL,
    };
    return rt_harness_main("rt_contract", lists, argc, argv);
}
