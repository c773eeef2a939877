"""Qdrant's gRPC interface on loopback in front of the official client's in-memory engine, as strict as Qdrant Cloud.

Takes the API key as its argument and prints its port. Then each line of standard input is a command that is answered by one line:
`fail N` lets the Nth write from now fail, `points` tells what points carry, `indexes` the indexes, `drop` removes every collection.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from qdrant_client import QdrantClient, grpc as protocol
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.grpc import collections_service_pb2_grpc as collections, points_service_pb2_grpc as points

engine = QdrantClient(":memory:")
indexes = {}
writes_until_failure = None


def refuse(context, code, words):
    context.abort(code, words)


def collection(context, name):
    if not engine.collection_exists(name):
        refuse(context, grpc.StatusCode.NOT_FOUND, f"Not found: Collection `{name}` doesn't exist!")
    return name


def is_indexed(field, match):
    kind = indexes.get(field)
    wanted = "integer" if match is None or isinstance(getattr(match, "value", None), int) else "keyword"
    return kind == wanted, wanted


def strict(context, model):
    """Filters need an index of the kind that fits."""
    conditions = GrpcToRest.convert_filter(model)
    for condition in conditions.must or []:
        good, wanted = is_indexed(condition.key, condition.match)
        if not good:
            refuse(
                context,
                grpc.StatusCode.INVALID_ARGUMENT,
                f'Bad request: Index required but not found for "{condition.key}" of one of the following types: [{wanted}]. '
                "Help: Create an index for this key or use a different filter.",
            )
    return conditions


class Collections(collections.CollectionsServicer):
    def CollectionExists(self, request, context):
        exists = protocol.CollectionExists(exists=engine.collection_exists(request.collection_name))
        return protocol.CollectionExistsResponse(result=exists)

    def Create(self, request, context):
        if engine.collection_exists(request.collection_name):
            refuse(context, grpc.StatusCode.ALREADY_EXISTS, f"Collection `{request.collection_name}` already exists!")
        vectors = GrpcToRest.convert_vectors_config(request.vectors_config)
        return protocol.CollectionOperationResponse(result=engine.create_collection(request.collection_name, vectors))


class Points(points.PointsServicer):
    def CreateFieldIndex(self, request, context):
        collection(context, request.collection_name)
        kind = protocol.FieldType.Name(request.field_type).removeprefix("FieldType").lower()
        indexes[request.field_name] = kind
        return done()

    def Upsert(self, request, context):
        global writes_until_failure
        name = collection(context, request.collection_name)
        if writes_until_failure is not None:
            writes_until_failure -= 1
            if writes_until_failure == 0:
                writes_until_failure = None
                refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "the disk is full")
        size = engine.get_collection(name).config.params.vectors.size
        written = [GrpcToRest.convert_point_struct(point) for point in request.points]
        for point in written:
            if len(point.vector) != size:
                words = f"Wrong input: Vector dimension error: expected dim: {size}, got {len(point.vector)}"
                refuse(context, grpc.StatusCode.INVALID_ARGUMENT, words)
        engine.upsert(name, written)
        return done()

    def Delete(self, request, context):
        name = collection(context, request.collection_name)
        engine.delete(name, strict(context, request.points.filter))
        return done()

    def Get(self, request, context):
        name = collection(context, request.collection_name)
        found = engine.retrieve(name, [GrpcToRest.convert_point_id(id) for id in request.ids])
        return protocol.GetResponse(result=[RestToGrpc.convert_retrieved_point(point) for point in found])

    def Count(self, request, context):
        name = collection(context, request.collection_name)
        return protocol.CountResponse(result=protocol.CountResult(count=engine.count(name).count))

    def Query(self, request, context):
        name = collection(context, request.collection_name)
        found = engine.query_points(
            name,
            query=GrpcToRest.convert_query(request.query),
            query_filter=strict(context, request.filter),
            limit=request.limit,
            with_payload=GrpcToRest.convert_with_payload_interface(request.with_payload),
        )
        return protocol.QueryResponse(result=[RestToGrpc.convert_scored_point(point) for point in found.points])


def done():
    return protocol.PointsOperationResponse(
        result=protocol.UpdateResult(operation_id=0, status=protocol.UpdateStatus.Completed)
    )


class Door(grpc.ServerInterceptor):
    """Nobody gets in without the key."""

    def __init__(self, key):
        self.key = key

    def intercept_service(self, go_on, details):
        if ("api-key", self.key) in details.invocation_metadata:
            return go_on(details)
        closed = lambda _, context: refuse(context, grpc.StatusCode.UNAUTHENTICATED, "Invalid API key or JWT")
        return grpc.unary_unary_rpc_method_handler(closed)


def obey(command):
    global writes_until_failure
    match command.split():
        case ["fail", number]:
            writes_until_failure = int(number)
        case ["points"]:
            names = [found.name for found in engine.get_collections().collections]
            found = [point for name in names for point in engine.scroll(name, limit=10_000)[0]]
            return [{"id": point.id, **point.payload} for point in found]
        case ["indexes"]:
            return indexes
        case ["drop"]:
            for found in engine.get_collections().collections:
                engine.delete_collection(found.name)
            indexes.clear()
    return None


server = grpc.server(ThreadPoolExecutor(1), interceptors=[Door(sys.argv[1])])
collections.add_CollectionsServicer_to_server(Collections(), server)
points.add_PointsServicer_to_server(Points(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
for line in sys.stdin:
    print(json.dumps(obey(line)), flush=True)
server.stop(None)
