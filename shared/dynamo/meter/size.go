package meter

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// ItemSize is the size of an item in bytes as DynamoDB bills it: names and
// values, by the rules of its Developer Guide, "DynamoDB item sizes and formats".
func ItemSize(item map[string]types.AttributeValue) int {
	size := 0
	for name, value := range item {
		size += len(name) + valueSize(value)
	}
	return size
}

func valueSize(value types.AttributeValue) int {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberB:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return numberSize(v.Value)
	case *types.AttributeValueMemberL:
		size := 3
		for _, element := range v.Value {
			size += 1 + valueSize(element)
		}
		return size
	case *types.AttributeValueMemberM:
		size := 3
		for name, element := range v.Value {
			size += 1 + len(name) + valueSize(element)
		}
		return size
	case *types.AttributeValueMemberSS:
		size := 0
		for _, element := range v.Value {
			size += len(element)
		}
		return size
	}
	return 1 // a Boolean or null
}

// numberSize: "approximately (1 byte per two significant digits) + (1 byte)",
// and one more for a sign.
func numberSize(number string) int {
	unsigned := strings.TrimPrefix(number, "-")
	significant := strings.Trim(unsigned, "0")
	return 1 + (len(significant)+1)/2 + len(number) - len(unsigned)
}
