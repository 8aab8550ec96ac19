"""Li's story from the outside: no generated code, everything learnt through server reflection.

Arguments: addresses of application and notification, a name that makes loan and borrower ids unique.
The last line is `done`; whatever differs from what is expected ends the program with a traceback.
"""

import hashlib
import sys
import threading
import uuid

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

APPLICATION = "leeway.application.v1"
NOTIFICATION = "leeway.notification.v1"
SECONDS = 20
LEVEL = 107_970
LAST = 107_976


class Server:
    """A server that tells its API, called as some principal."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = descriptor_pool.DescriptorPool(self.database)

    def message(self, name, **fields):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))(**fields)

    def stub(self, service, method):
        found = self.pool.FindServiceByName(service).FindMethodByName(method)
        kinds = {
            (False, False): self.channel.unary_unary,
            (False, True): self.channel.unary_stream,
            (True, False): self.channel.stream_unary,
            (True, True): self.channel.stream_stream,
        }
        answer = message_factory.GetMessageClass(found.output_type)
        return kinds[found.client_streaming, found.server_streaming](
            f"/{service}/{method}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=answer.FromString,
        )

    def call(self, principal, service, method, request):
        return self.stub(service, method)(request, timeout=SECONDS, metadata=principal)


def must_equal(what, found, expected):
    if found != expected:
        raise AssertionError(f"{what}: {found!r}, expected {expected!r}")


def day(year, month, of_month=15):
    return {"year": year + (month - 1) // 12, "month": (month - 1) % 12 + 1, "day": of_month}


def cny(minor_units):
    return {"currency_code": "CNY", "minor_units": minor_units}


def registration(application, loan, borrower):
    return application.message(
        f"{APPLICATION}.RegisterLoanRequest",
        request_id=str(uuid.uuid4()),
        loan={
            "loan_id": loan,
            "borrower_id": borrower,
            "contract": {
                "principal": cny(1_200_000),
                "annual_rate": "0.144",
                "amortisation": "AMORTISATION_EQUAL_INSTALMENTS",
                "instalments": 12,
                "interest_from_date": day(2026, 1),
                "first_due_date": day(2026, 2),
            },
            "events": [
                {
                    "effective_date": day(2026, 1 + nr),
                    "payment": {"payment_id": f"{loan}-p{nr}", "amount": cny(LEVEL)},
                }
                for nr in range(1, 6)
            ],
        },
    )


def upload(application, principal, loan, kind, name, content):
    evidence_id = str(uuid.uuid4())
    start = {
        "evidence_id": evidence_id,
        "type": kind,
        "issuer": "First People's Hospital",
        "file_name": name,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    half = len(content) // 2

    def messages():
        request = f"{APPLICATION}.UploadEvidenceRequest"
        yield application.message(request, loan_id=loan, start=start)
        yield application.message(request, loan_id=loan, chunk=content[:half])
        yield application.message(request, loan_id=loan, chunk=content[half:])

    answer = application.call(principal, f"{APPLICATION}.ApplicationService", "UploadEvidence", messages())
    must_equal("bytes", answer.received_bytes, len(content))
    must_equal("failed checks", list(answer.evidence.failed_checks), [])
    return evidence_id


def due(row):
    return (row.due_date.year, row.due_date.month, row.due_date.day)


def parts(row):
    return row.principal.minor_units + row.interest.minor_units + row.fee.minor_units


def after(months):
    moved = day(2026, 1 + months)
    return (moved["year"], moved["month"], moved["day"])


def state_name(application, value):
    enum = application.pool.FindEnumTypeByName(f"{APPLICATION}.ApplicationState")
    return enum.values_by_number[value].name.removeprefix("APPLICATION_STATE_")


def told_apart(application, platform):
    """A refusal names every field that is wrong, and its reason."""
    request = application.message(
        f"{APPLICATION}.RegisterLoanRequest",
        request_id="not-a-uuid",
        loan={"loan_id": "", "borrower_id": "b", "contract": {"annual_rate": "much"}},
    )
    try:
        application.call(platform, f"{APPLICATION}.LoanService", "RegisterLoan", request)
    except grpc.RpcError as error:
        must_equal("code", error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        status = rpc_status.from_call(error)
        info, fields = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        must_equal("ErrorInfo", [d.Unpack(info) for d in status.details].count(True), 1)
        must_equal("BadRequest", [d.Unpack(fields) for d in status.details].count(True), 1)
        must_equal("reason", (info.domain, info.reason), ("leeway", "ERROR_REASON_VALIDATION_FAILED"))
        wrong = {violation.field for violation in fields.field_violations}
        expected = {"request_id", "loan.loan_id", "loan.contract.annual_rate", "loan.contract.principal"}
        must_equal("missing among the wrong fields", expected - wrong, set())
    else:
        raise AssertionError("a wrong registration was taken")


def denied_alike(application, stranger, loan):
    """To a stranger, another's loan and no loan are the same."""
    answers = []
    for loan_id in (loan, "no-such-loan"):
        try:
            request = application.message(f"{APPLICATION}.GetLoanRequest", loan_id=loan_id)
            application.call(stranger, f"{APPLICATION}.LoanService", "GetLoan", request)
        except grpc.RpcError as error:
            info = error_details_pb2.ErrorInfo()
            must_equal("ErrorInfo", [d.Unpack(info) for d in rpc_status.from_call(error).details].count(True), 1)
            answers.append((error.code(), error.details(), info.reason))
        else:
            raise AssertionError("a stranger read a loan")
    must_equal("code and reason", (answers[0][0], answers[0][2]), (grpc.StatusCode.PERMISSION_DENIED, "ERROR_REASON_ACCESS_DENIED"))
    must_equal("the two answers", answers[0], answers[1])


def play(application, notification, name):
    loan_id, li = f"loan-{name}", name
    platform = (("x-leeway-principal", "service:platform"),)
    borrower = (("x-leeway-principal", f"borrower:{li}"),)
    for_li = platform + (("x-leeway-subject", f"borrower:{li}"),)
    loans, cases = f"{APPLICATION}.LoanService", f"{APPLICATION}.ApplicationService"

    before = application.call(platform, loans, "RegisterLoan", registration(application, loan_id, li)).loan
    must_equal("dates before", [due(row) for row in before.instalments], [after(nr) for nr in range(1, 13)])
    must_equal("paid before", [row.HasField("paid_date") for row in before.instalments], [True] * 5 + [False] * 7)

    evidence = [
        upload(application, borrower, loan_id, kind, file, f"{text} of {li}'s mother\n".encode() * 50)
        for kind, file, text in (
            ("EVIDENCE_TYPE_DIAGNOSIS_CERTIFICATE", "diagnosis.txt", "Diagnosis"),
            ("EVIDENCE_TYPE_HOSPITAL_BILL", "bill.txt", "Bill for the treatment"),
        )
    ]
    submit = application.message(
        f"{APPLICATION}.SubmitApplicationRequest",
        request_id=str(uuid.uuid4()),
        loan_id=loan_id,
        reason="HARDSHIP_REASON_CARING_DEPENDANT",
        narrative="My mother is in hospital.",
        hardship_end_date=day(2026, 10, 20),
        statement={
            "declared_income": [{"amount": cny(900_000)}],
            "verified_income": [{"amount": cny(900_000)}],
            "essentials": [{"amount": cny(650_000)}, {"amount": cny(260_000), "months": 3}],
            "adults": 1,
        },
        evidence_ids=evidence,
        proposal={"measures": [{"deferral": {"months": 3}}]},
    )
    case = application.call(for_li, cases, "SubmitApplication", submit).application
    again = application.call(for_li, cases, "SubmitApplication", submit).application
    must_equal("the case of a repeated request", again.application_id, case.application_id)

    # The stream tells of every change until the case is closed; Li accepts as soon as an offer stands.
    watched = application.message(f"{APPLICATION}.WatchApplicationRequest", application_id=case.application_id)
    stream = application.call(borrower, cases, "WatchApplication", watched)
    giving_up = threading.Timer(SECONDS, stream.cancel)
    giving_up.start()
    states, accepted = [], None
    for change in stream:
        states.append(state_name(application, change.application.state))
        if states[-1] == "OFFERED" and accepted is None:
            proposal = application.pool.FindEnumTypeByName("leeway.common.v1.OfferLabel").values_by_name[
                "OFFER_LABEL_PROPOSAL"
            ]
            [offer] = [offer for offer in change.application.offers if proposal.number in offer.labels]
            accept = application.message(
                f"{APPLICATION}.AcceptOfferRequest",
                request_id=str(uuid.uuid4()),
                application_id=case.application_id,
                offer_id=offer.offer_id,
                etag=change.application.etag,
            )
            accepted = application.call(borrower, cases, "AcceptOffer", accept)
    giving_up.cancel()
    must_equal("last states", states[-2:], ["OFFERED", "ACCEPTED"])
    must_equal("the plan", accepted.plan.plan_id, accepted.application.plan_id)

    loan = application.call(
        borrower, loans, "GetLoan", application.message(f"{APPLICATION}.GetLoanRequest", loan_id=loan_id)
    ).loan
    rows = list(loan.instalments)
    must_equal("dates after", [due(row) for row in rows[5:]], [after(nr + 3) for nr in range(6, 13)])
    must_equal("dates by the contract", [row.contract_due_date.month for row in rows], [(nr % 12) + 1 for nr in range(1, 13)])
    must_equal("amounts after", [parts(row) for row in rows], [LEVEL] * 11 + [LAST])
    must_equal("interest of the relief", {row.relief_interest.minor_units for row in rows}, {0})
    must_equal("penalty left", {row.penalty.minor_units for row in rows[5:]}, {0})
    must_equal("arrears", loan.arrears.principal.minor_units + loan.arrears.interest.minor_units, 0)
    must_equal("days past due", (loan.days_past_due.current, loan.days_past_due.contract), (0, 5))
    must_equal("plan of the loan", loan.plan_id, accepted.plan.plan_id)

    wanted = {"application-received", "offer-made", "plan-active"}
    inbox = notification.message(f"{NOTIFICATION}.ListInboxRequest", borrower_id=li)
    pause, looks = threading.Event(), 0
    while True:
        messages = notification.call(borrower, f"{NOTIFICATION}.NotificationService", "ListInbox", inbox).messages
        if wanted <= {message.template for message in messages}:
            break
        looks += 1
        must_equal("all messages came", looks < 400, True)
        pause.wait(0.05)
    denied_alike(application, (("x-leeway-principal", "borrower:somebody-else"),), loan_id)
    told_apart(application, platform)


def look_around(server, expected):
    listed = set(server.database.get_services())
    must_equal("missing services", expected - listed, set())
    health = health_pb2_grpc.HealthStub(server.channel)
    for service in ("", *sorted(name for name in expected if name.startswith("leeway."))):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=SECONDS)
        must_equal(f"health of `{service}`", answer.status, health_pb2.HealthCheckResponse.SERVING)


def main():
    application, notification, name = Server(sys.argv[1]), Server(sys.argv[2]), sys.argv[3]
    services = ("LoanService", "ApplicationService", "DeskService", "PlanService", "FeedService")
    health = {"grpc.health.v1.Health"}
    look_around(application, {f"{APPLICATION}.{service}" for service in services} | health)
    look_around(notification, {f"{NOTIFICATION}.NotificationService"} | health)
    play(application, notification, name)
    print("done")


main()
