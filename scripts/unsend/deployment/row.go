package deployment

import "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

// appendTexts adds every text within the value, however deep.
func appendTexts(texts []string, value types.AttributeValue) []string {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return append(texts, v.Value)
	case *types.AttributeValueMemberB:
		return append(texts, string(v.Value))
	case *types.AttributeValueMemberSS:
		return append(texts, v.Value...)
	case *types.AttributeValueMemberN:
		return append(texts, v.Value)
	case *types.AttributeValueMemberL:
		for _, each := range v.Value {
			texts = appendTexts(texts, each)
		}
	case *types.AttributeValueMemberM:
		for name, each := range v.Value {
			texts = appendTexts(append(texts, name), each)
		}
	}
	return texts
}
